"""How much of the false-promotion budget the k-th challenger may spend."""

from __future__ import annotations

import math


def challenger_level(alpha: float, ordinal: int) -> float:
    r"""Return the level :math:`\alpha_k = 6\alpha / (\pi^2 k^2)` of an endpoint's k-th challenger.

    Retraining again and again is testing again and again. Because :math:`\sum_{k \ge 1} k^{-2} =
    \pi^2 / 6`, the levels of all challengers that will ever come add up to ``alpha``: by the union
    bound that is the probability, over the whole life of the endpoint, that one is promoted which
    is no better.

    Parameters
    ----------
    alpha
        The budget of the endpoint, between 0 and 1.
    ordinal
        k, counted from 1.

    Raises
    ------
    ValueError
        ``alpha`` is no probability, or ``ordinal`` is below 1.

    Examples
    --------
    >>> round(challenger_level(0.05, 1), 4), round(challenger_level(0.05, 2), 4)
    (0.0304, 0.0076)
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    if ordinal < 1:
        raise ValueError(f"challengers are counted from 1, not {ordinal}")
    return 6.0 * alpha / (math.pi**2 * ordinal**2)

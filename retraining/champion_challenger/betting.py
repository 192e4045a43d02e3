"""A bettor's wealth on a stream of differences: large wealth is evidence, at any time.

Waudby-Smith and Ramdas test the mean of a bounded variable by betting against it. Here the variable
is the difference of two losses, the hypothesis is "the challenger is not better by more than the
margin", and the wealth of a bettor who never knows more than what has already arrived cannot grow
large under it, except with small probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Share of the largest stake that could not ruin the bettor; the source recommends 1/2 or 3/4.
MAX_STAKE = 0.75
#: Variance assumed before the first difference, with the weight of one row (that of a fair coin on
#: [0, 1]).
PRIOR_VARIANCE = 0.25
#: Wealth with which a bettor stops: far above any threshold in use, far below overflow.
ENOUGH_WEALTH = 1e15


@dataclass(frozen=True, slots=True)
class WealthPath:
    """One game, row by row: enough to play it again.

    Attributes
    ----------
    differences
        D, each in [-1, 1], in the order of play.
    stakes
        λ, each chosen before its D was seen.
    wealth
        W after each row; it starts from 1, which is not stored.
    """

    differences: FloatArray
    stakes: FloatArray
    wealth: FloatArray

    @property
    def row_count(self) -> int:
        """How many rows were played on."""
        return int(self.differences.size)

    @property
    def final(self) -> float:
        """The wealth at the end; 1 before the first row."""
        return float(self.wealth[-1]) if self.wealth.size else 1.0

    def first_reaching(self, threshold: float) -> int | None:
        """Return the index of the first row whose W is at least ``threshold``, if any is."""
        reached = np.flatnonzero(self.wealth >= threshold)
        return int(reached[0]) if reached.size else None


def play(differences: npt.ArrayLike, *, margin: float = 0.0) -> WealthPath:
    r"""Bet, row after row, that the mean difference is greater than the margin.

    With :math:`W_0 = 1`,

    .. math:: W_t = \prod_{i \le t} \bigl(1 + \lambda_i (D_i - \delta)\bigr), \qquad
              \lambda_i = \min\Bigl(\max\Bigl(\frac{\hat\mu_{i-1} - \delta}
              {\hat\sigma^2_{i-1} + (\hat\mu_{i-1} - \delta)^2},\ 0\Bigr),\
              \frac{c}{1 + \delta}\Bigr)

    ("approximate growth rate adaptive to the particular alternative", aGRAPA). The estimates know
    rows before i only,

    .. math:: \hat\mu_t = \frac{0 + \sum_{i \le t} D_i}{t + 1}, \qquad
              \hat\sigma^2_t = \frac{1/4 + \sum_{i \le t} (D_i - \hat\mu_i)^2}{t + 1},

    so :math:`\lambda_i` is predictable. Because :math:`D_i - \delta \ge -(1 + \delta)` and :math:`c
    = 3/4 < 1`, no factor is below :math:`1/4`: W stays positive. If :math:`E[D_i \mid \text{past}]
    \le \delta`, W is a supermartingale, and by Ville's inequality :math:`P(\exists t: W_t \ge
    1/\alpha) \le \alpha`, whenever one looks. A bettor with a wealth of :math:`10^{15}` stops
    betting (:math:`\lambda = 0` from there on), which is predictable too.

    Parameters
    ----------
    differences
        :math:`D_t` = loss of the one that stands minus loss of the one that is bet on, each in [-1,
        1], in order of arrival.
    margin
        :math:`\delta` in [0, 1): the gain that is too small to be worth a change.

    Raises
    ------
    ValueError
        A difference is not a number in [-1, 1], or the margin is not in [0, 1).

    References
    ----------
    I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", arXiv
    2010.09686 (Ville's inequality, aGRAPA bets, the constants 1/4 and c).

    Examples
    --------
    >>> play([1.0, 1.0, 1.0]).stakes.round(3).tolist()
    [0.0, 0.75, 0.75]
    >>> round(play([1.0, 1.0, 1.0]).final, 4)
    3.0625
    """
    rows = np.asarray(differences, dtype=np.float64).reshape(-1)
    if not np.all(np.abs(rows) <= 1.0):
        raise ValueError("every difference of losses must be a number between -1 and 1")
    if not 0.0 <= margin < 1.0:
        raise ValueError(f"the margin must lie in [0, 1), not {margin}")
    largest_stake = MAX_STAKE / (1.0 + margin)
    stakes, wealth = np.empty_like(rows), np.empty_like(rows)
    total, mean, squares, capital = 0.0, 0.0, PRIOR_VARIANCE, 1.0
    for index, difference in enumerate(rows.tolist()):
        seen = index + 1.0  # rows before this one, and the assumed first
        gain = mean - margin
        stake = min(max(gain / (squares / seen + gain * gain), 0.0), largest_stake)
        if capital >= ENOUGH_WEALTH:
            stake = 0.0
        capital *= 1.0 + stake * (difference - margin)
        stakes[index], wealth[index] = stake, capital
        total += difference
        mean = total / (seen + 1.0)
        squares += (difference - mean) ** 2
    return WealthPath(differences=rows, stakes=stakes, wealth=wealth)

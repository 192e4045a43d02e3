"""What is measured of a window of traffic.

* More failures: the one-sided exact test of Fisher (1935): the probability of at least k of the K failures among
  n of N requests, when which version answered makes no difference (hypergeometric).
* Slower: the same test on the answers that took longer than the limit. The limit comes from the champion's own p95,
  so which of the bounds of the buckets is meant depends on the data; the p-value is multiplied by how many
  there are (Bonferroni), and holds whichever it is.
* Other answers: see :mod:`datasets.checking.comparison`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """One version's traffic in a window.

    Attributes
    ----------
    failed
        Requests that the version failed, or that do not fit it.
    latencies
        Answered requests by latency: one number for each bound, and one for all above.
    answers
        Instances by answer.
    """

    requests: int = 0
    failed: int = 0
    latencies: Sequence[int] = ()
    answers: Mapping[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """Requests with a latency."""
        return sum(self.latencies)

    @property
    def instances(self) -> int:
        """Instances with an answer."""
        return sum(self.answers.values())


def quantile(latencies: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """Return a quantile of counted latencies (seconds), linear within a bucket; None without any.

    Above the last bound nothing is known, and the bound itself is returned.

    Examples
    --------
    >>> quantile([0, 10, 0], [0.1, 0.2], 0.5)
    0.15
    >>> quantile([0, 0, 0], [0.1, 0.2], 0.5) is None
    True
    """
    total = sum(latencies)
    if not total:
        return None
    wanted, below, lower = share * total, 0, 0.0
    for number, upper in zip(latencies, bounds, strict=False):
        if number and below + number >= wanted:
            return round(lower + (upper - lower) * (wanted - below) / number, 9)
        below, lower = below + number, upper
    return bounds[-1]


def more_failures_p_value(canary: Seen, champion: Seen) -> float:
    """Return how probable so many failures of the canary are, when both versions fail alike."""
    return _more_p_value(canary.failed, canary.requests, champion.failed, champion.requests)


def slower_p_value(
    canary: Sequence[int], champion: Sequence[int], bounds: Sequence[float], limit: float
) -> float:
    """Return how probable so many answers above the limit (seconds) are, when both versions are equally fast.

    The bucket in which the limit lies counts as below.
    """
    first = bisect_left(bounds, limit) + 1
    p_value = _more_p_value(sum(canary[first:]), sum(canary), sum(champion[first:]), sum(champion))
    return min(1.0, len(bounds) * p_value)


def _more_p_value(ours: int, our_total: int, theirs: int, their_total: int) -> float:
    """Return the one-sided p-value of Fisher's exact test for a larger share of ours."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(ours - 1, our_total + their_total, ours + theirs, our_total))


def answer_difference(canary: Seen, champion: Seen) -> tuple[float, float | None]:
    """Return how far the answers lie apart (0 to 1), and how probable that is among equals.

    The p-value is None when all answers are the same.
    """
    import numpy as np

    from datasets.checking.comparison import compare_counts

    keys = sorted({*canary.answers, *champion.answers})
    one, other = (
        np.array([seen.answers.get(key, 0) for key in keys], dtype=np.int64)
        for seen in (champion, canary)
    )
    compared = compare_counts(one, other)
    return compared.effect_size, compared.p_value

"""From measures to a verdict: a guard trips when the effect is large *and* no accident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from serving.guards.measures import (
    Seen,
    answer_difference,
    more_failures_p_value,
    quantile,
    slower_p_value,
)

Verdict = Literal["healthy", "breached", "too_little_data"]
GUARDS = ("errors", "latency", "answers")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed; the units are those of ``Rollout``, latencies in seconds."""

    most_extra_errors: float
    most_latency_ratio: float
    latency_floor_seconds: float
    most_answer_distance: float
    least_requests: int


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard's view.

    Attributes
    ----------
    canary, champion
        Share of failed requests, p95 in seconds, or instances that were compared.
    effect, limit
        What was measured and what is allowed, in the guard's own unit.
    level
        The largest p-value that counts as no accident.
    """

    name: str
    verdict: Verdict
    canary: float | None = None
    champion: float | None = None
    effect: float | None = None
    limit: float | None = None
    p_value: float | None = None
    level: float | None = None

    @property
    def reason(self) -> str:
        """What it says, for people."""
        if self.verdict == "too_little_data":
            return f"{self.name}: too little data"
        p_value = "" if self.p_value is None else f", p = {self.p_value:.2g}"
        return f"{self.name}: {self.effect:.3g} (limit {self.limit:.3g}{p_value})"


@dataclass(frozen=True, slots=True)
class Judged:
    """All guards together."""

    guards: tuple[Guard, ...]

    @property
    def verdict(self) -> Verdict:
        """Breached when one is; too little data when one has too little."""
        verdicts = {guard.verdict for guard in self.guards}
        if "breached" in verdicts:
            return "breached"
        return "too_little_data" if "too_little_data" in verdicts else "healthy"

    @property
    def reason(self) -> str:
        """What the guards say that decided."""
        return "; ".join(one.reason for one in self.guards if one.verdict == self.verdict)


def level_of_look(level: float, look: int) -> float:
    """Return the level of one guard at one look.

    The look number j gets ``level / (j (j + 1))``, which adds up to ``level`` over any number of looks, and the
    guards share it evenly (Bonferroni): the probability that any guard ever trips by accident is at most ``level``.

    Examples
    --------
    >>> round(sum(3 * level_of_look(0.01, look) for look in range(1, 100_000)), 6)
    0.01
    """
    return level / (len(GUARDS) * look * (look + 1))


def judge(
    canary: Seen, champion: Seen, limits: Limits, *, level: float, bounds: Sequence[float]
) -> Judged:
    """Judge a canary beside the champion.

    Parameters
    ----------
    level
        Of each guard: see :func:`level_of_look`.
    bounds
        Upper bounds of the buckets of latency, in seconds.
    """
    return Judged(
        (
            _errors(canary, champion, limits, level),
            _latency(canary, champion, limits, level, bounds),
            _answers(canary, champion, limits, level),
        )
    )


def _errors(canary: Seen, champion: Seen, limits: Limits, level: float) -> Guard:
    if min(canary.requests, champion.requests) < limits.least_requests:
        return Guard("errors", "too_little_data")
    ours, theirs = canary.failed / canary.requests, champion.failed / champion.requests
    p_value = more_failures_p_value(canary, champion)
    extra = ours - theirs
    trips = extra > limits.most_extra_errors and p_value <= level
    verdict: Verdict = "breached" if trips else "healthy"
    return Guard("errors", verdict, ours, theirs, extra, limits.most_extra_errors, p_value, level)


def _latency(
    canary: Seen, champion: Seen, limits: Limits, level: float, bounds: Sequence[float]
) -> Guard:
    ours, theirs = (quantile(seen.latencies, bounds, 0.95) for seen in (canary, champion))
    if ours is None or theirs is None:
        return Guard("latency", "too_little_data")
    if min(canary.answered, champion.answered) < limits.least_requests:
        return Guard("latency", "too_little_data")
    allowed = max(limits.most_latency_ratio * theirs, theirs + limits.latency_floor_seconds)
    p_value = slower_p_value(canary.latencies, champion.latencies, bounds, allowed)
    trips = ours > allowed and p_value <= level
    ratio = ours / theirs if theirs else 1.0
    limit = allowed / theirs if theirs else limits.most_latency_ratio
    verdict: Verdict = "breached" if trips else "healthy"
    return Guard("latency", verdict, ours, theirs, ratio, limit, p_value, level)


def _answers(canary: Seen, champion: Seen, limits: Limits, level: float) -> Guard:
    ours, theirs = canary.instances, champion.instances
    if min(ours, theirs) < limits.least_requests:
        return Guard("answers", "too_little_data")
    distance, p_value = answer_difference(canary, champion)
    trips = distance > limits.most_answer_distance and p_value is not None and p_value <= level
    verdict: Verdict = "breached" if trips else "healthy"
    return Guard(
        "answers", verdict, ours, theirs, distance, limits.most_answer_distance, p_value, level
    )

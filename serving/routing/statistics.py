"""What this process has answered, counted per deployment since it started."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

#: Upper bounds of the buckets of latency, in seconds; the last bucket has none.
BUCKET_SECONDS = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class Key(NamedTuple):
    """What is counted apart.

    Attributes
    ----------
    deployment_id
        0 for requests that were refused before it was known who would answer.
    """

    endpoint_id: int
    deployment_id: int
    dialect: str


@dataclass(slots=True)
class Counts:
    """Answers of one deployment in one dialect.

    Attributes
    ----------
    statuses
        Requests by HTTP status.
    rows
        Instances that were answered.
    seconds
        Sum of the latencies of answered requests.
    buckets
        Answered requests by latency: one number for each of ``BUCKET_SECONDS``, and one for all above.
    answers
        Instances by answer, where several versions are at work.
    dropped
        Requests that a shadow had no room for.
    timed_out
        Requests whose answer took too long to be given.
    """

    statuses: dict[int, int] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.0
    failed_seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKET_SECONDS) + 1))
    answers: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    timed_out: int = 0

    @property
    def answered(self) -> int:
        """Requests that were answered with predictions."""
        return self.statuses.get(200, 0)

    @property
    def refused(self) -> int:
        """Requests that were refused, or that failed."""
        return sum(self.statuses.values()) - self.answered

    def copy(self) -> Counts:
        """Return these counts as they are now."""
        return Counts(
            dict(self.statuses),
            self.rows,
            self.seconds,
            self.failed_seconds,
            list(self.buckets),
            Counter(self.answers),
            self.dropped,
            self.timed_out,
        )


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of a deployment."""

    project: str
    endpoint: str
    version: int
    role: str
    group: str = ""


class Statistics:
    """Counts of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._counts: dict[Key, Counts] = {}
        self._labels: dict[int, Labels] = {}

    def name(self, deployment_id: int, labels: Labels) -> None:
        """Remember how a deployment is called, also when it has ended."""
        self._labels[deployment_id] = labels

    @property
    def labels(self) -> Mapping[int, Labels]:
        """Names by the id of the deployment."""
        return dict(self._labels)

    def record(
        self,
        key: Key,
        *,
        status: int,
        rows: int,
        seconds: float,
        answers: Sequence[object] | None = None,
        timed_out: bool = False,
    ) -> None:
        """Count one request, and its answers if they are given."""
        tally = None if answers is None else _tally(answers)
        with self._mutex:
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = Counts()
            if tally is not None:
                _add_answers(counts.answers, tally)
            counts.statuses[status] = counts.statuses.get(status, 0) + 1
            counts.timed_out += timed_out
            if status != 200:
                counts.failed_seconds += seconds
                return
            counts.rows += rows
            counts.seconds += seconds
            counts.buckets[bisect_left(BUCKET_SECONDS, seconds)] += 1

    def drop(self, key: Key) -> None:
        """Count a request that a shadow had no room for."""
        with self._mutex:
            self._counts.setdefault(key, Counts()).dropped += 1

    def snapshot(self) -> Mapping[Key, Counts]:
        """Return all counts as they are now."""
        with self._mutex:
            return {key: counts.copy() for key, counts in self._counts.items()}


#: So many different answers are told apart.
_MOST_ANSWERS = 1000
_OTHER = "…"


def answer_bin(answer: object) -> str:
    """Return the bin in which an answer is counted.

    Classes are their own bins. A floating-point number falls into one of 16 equal parts between two powers of 2,
    so that all processes and versions count into the same bins without knowing the range.

    Examples
    --------
    >>> answer_bin("yes"), answer_bin(3), answer_bin(0.0)
    ('yes', '3', '0')
    >>> answer_bin(100.0) == answer_bin(101.0), answer_bin(100.0) == answer_bin(120.0)
    (True, False)
    """
    if not isinstance(answer, float):
        return str(answer)
    if not answer or not math.isfinite(answer):
        return "0" if not answer else str(answer)
    fraction, exponent = math.frexp(abs(answer))
    sign = "-" if answer < 0 else ""
    return f"{sign}{exponent}/{int((fraction - 0.5) * 32)}"


def _tally(answers: Sequence[object]) -> Counter[str]:
    return Counter(map(answer_bin, answers))


def _add_answers(kept: Counter[str], more: Counter[str]) -> None:
    for answer, number in more.items():
        known = answer if answer in kept or len(kept) < _MOST_ANSWERS else _OTHER
        kept[known] += number

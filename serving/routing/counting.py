"""Adding what this process has counted to the minutes of all processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from serving.execution.counters import Counted, add_to_minute
from serving.routing.statistics import BUCKET_SECONDS, Counts, Key, Statistics


class MinuteCounter:
    """Writes the difference since the last time; what could not be written is part of the next one."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._written: Mapping[Key, Counts] = {}
        self._writing = threading.Lock()

    def flush(self, at: datetime) -> None:
        """Add what has been counted since the last time to the minute of this moment.

        Raises
        ------
        django.db.Error
            The database does not answer; nothing is lost.
        """
        with self._writing:
            counted = self._statistics.snapshot()
            found: dict[int, Counted] = {}
            for key, counts in counted.items():
                before = self._written.get(key)
                if key.deployment_id and (before is None or counts != before):
                    more = _difference(counts, before or Counts())
                    found[key.deployment_id] = found.get(key.deployment_id, _NOTHING) + more
            if found:
                add_to_minute(at.replace(second=0, microsecond=0), found)
            self._written = counted


_NOTHING = Counted(latencies=(0,) * (len(BUCKET_SECONDS) + 1))


def _difference(now: Counts, before: Counts) -> Counted:
    statuses = Counter(now.statuses)
    statuses.subtract(before.statuses)
    answers = Counter(now.answers)
    answers.subtract(before.answers)
    return Counted(
        requests=statuses.total(),
        errors=statuses[500] + now.timed_out - before.timed_out,
        refused=statuses[400] + statuses[422],
        rows=now.rows - before.rows,
        dropped=now.dropped - before.dropped,
        seconds=now.seconds - before.seconds,
        latencies=tuple(a - b for a, b in zip(now.buckets, before.buckets, strict=True)),
        answers={answer: number for answer, number in answers.items() if number},
    )

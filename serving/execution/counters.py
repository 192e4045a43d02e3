"""The minutes that all web processes count into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from serving.models import Deployment, TrafficMinute

#: Minutes are kept so long.
KEEP = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one deployment; fields as those of ``TrafficMinute``."""

    requests: int = 0
    errors: int = 0
    refused: int = 0
    rows: int = 0
    dropped: int = 0
    seconds: float = 0.0
    latencies: tuple[int, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.requests + other.requests,
            self.errors + other.errors,
            self.refused + other.refused,
            self.rows + other.rows,
            self.dropped + other.dropped,
            self.seconds + other.seconds,
            _sum(self.latencies, other.latencies),
            _sum_by_key(self.answers, other.answers),
        )


@transaction.atomic
def add_to_minute(minute: datetime, counted: Mapping[int, Counted]) -> None:
    """Add counts, by the id of the deployment, to those of a minute.

    The rows are locked in one order, so that processes wait for each other and never in a circle.
    """
    known = set(Deployment.objects.filter(pk__in=counted).values_list("pk", flat=True))
    for deployment_id in sorted(known):
        row, _ = TrafficMinute.objects.select_for_update().get_or_create(
            deployment_id=deployment_id, minute=minute
        )
        total = counted_in(row) + counted[deployment_id]
        for name in Counted.__dataclass_fields__:
            value = getattr(total, name)
            setattr(row, name, list(value) if name == "latencies" else value)
        row.save()


def counted_in(row: TrafficMinute) -> Counted:
    """Return a row's counts."""
    return Counted(
        row.requests,
        row.errors,
        row.refused,
        row.rows,
        row.dropped,
        row.seconds,
        tuple(row.latencies),
        row.answers,
    )


def forget_old_minutes(at: datetime) -> int:
    """Remove minutes that nobody looks at any more; return how many."""
    removed, _ = TrafficMinute.objects.filter(minute__lt=at - KEEP).delete()
    return removed


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _sum_by_key(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = dict(one)
    for key, number in other.items():
        total[key] = total.get(key, 0) + number
    return total

"""Counted traffic: windows for judgements, and the live picture of an endpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.guards import Seen, quantile
from serving.models import Deployment, Endpoint, TrafficMinute

#: The live picture shows so much.
LIVE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class VersionTraffic:
    """A deployment's traffic in the window of the live picture.

    Attributes
    ----------
    share
        Of all requests that were answered to callers, 0 to 1; None for a shadow.
    per_minute
        Requests in each minute of the window, the oldest first.
    p50, p95, p99
        Latencies in seconds; None without any answer.
    """

    deployment: Deployment
    requests: int
    errors: int
    refused: int
    rows: int
    dropped: int
    share: float | None
    per_minute: Sequence[int]
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def error_rate(self) -> float:
        """Failures among requests, 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class LivePicture:
    """An endpoint's traffic by version."""

    start: datetime
    end: datetime
    versions: Sequence[VersionTraffic]


def seen_since(deployments: Collection[int], start: datetime) -> Seen:
    """Return what has been counted of deployments since the beginning of a moment's minute."""
    minute = start.replace(second=0, microsecond=0)
    return _sum(TrafficMinute.objects.filter(deployment__in=deployments, minute__gte=minute))


def live_picture(
    endpoint: Endpoint, at: datetime, bounds: Sequence[float], window: timedelta = LIVE
) -> LivePicture:
    """Return the traffic of the last minutes by version at work or at work then, in two queries."""
    end = at.replace(second=0, microsecond=0)
    count = int(window.total_seconds() // 60)
    start = end - timedelta(minutes=count - 1)
    by_deployment: dict[int, list[TrafficMinute]] = {}
    for row in TrafficMinute.objects.filter(deployment__endpoint=endpoint, minute__gte=start):
        by_deployment.setdefault(row.deployment_id, []).append(row)
    deployments = [
        one
        for one in endpoint.deployments.select_related("model_version__model").order_by("pk")
        if one.ended_at is None or one.pk in by_deployment
    ]
    shown = [one for one in deployments if one.role != Deployment.Role.SHADOW]
    total = sum(row.requests for one in shown for row in by_deployment.get(one.pk, ()))
    return LivePicture(
        start,
        end,
        [
            _of(one, by_deployment.get(one.pk, []), start, count, total, bounds)
            for one in deployments
        ],
    )


def _of(
    deployment: Deployment,
    rows: Sequence[TrafficMinute],
    start: datetime,
    count: int,
    total: int,
    bounds: Sequence[float],
) -> VersionTraffic:
    per_minute = [0] * count
    for row in rows:
        place = int((row.minute - start).total_seconds() // 60)
        if 0 <= place < count:
            per_minute[place] += row.requests
    seen = _sum(rows)
    p50, p95, p99 = (quantile(seen.latencies, bounds, share) for share in (0.5, 0.95, 0.99))
    share = None
    if deployment.role != Deployment.Role.SHADOW:
        share = seen.requests / total if total else 0.0
    return VersionTraffic(
        deployment=deployment,
        requests=seen.requests,
        errors=sum(row.errors for row in rows),
        refused=sum(row.refused for row in rows),
        rows=sum(row.rows for row in rows),
        dropped=sum(row.dropped for row in rows),
        share=share,
        per_minute=per_minute,
        p50=p50,
        p95=p95,
        p99=p99,
    )


def _sum(rows: Iterable[TrafficMinute]) -> Seen:
    requests = failed = 0
    latencies: list[int] = []
    answers: dict[str, int] = {}
    for row in rows:
        requests += row.requests
        failed += row.errors + row.refused
        if row.latencies:
            kept = latencies or [0] * len(row.latencies)
            latencies = [one + more for one, more in zip(kept, row.latencies, strict=True)]
        for answer, number in row.answers.items():
            answers[answer] = answers.get(answer, 0) + number
    return Seen(requests, failed, tuple(latencies), answers)

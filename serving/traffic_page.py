"""The live picture of an endpoint, ready for the template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from serving.models import Deployment, Endpoint
from serving.routing.statistics import BUCKET_SECONDS
from serving.selectors.traffic import VersionTraffic, live_picture

_COLOURS = ("#7c3aed", "#0891b2", "#ea580c", "#16a34a", "#db2777", "#64748b")
_HEIGHT = 24
_STEP = 10
_MOST_ROLLOUTS = 5


@dataclass(frozen=True, slots=True)
class TrafficPage:
    """What the template shows."""

    end: datetime
    has_requests: bool
    rows: list[dict[str, Any]]
    rollouts: list[dict[str, str]]


def traffic_page(endpoint: Endpoint, at: datetime) -> TrafficPage:
    """Return the picture of the last minutes, in four queries."""
    picture = live_picture(endpoint, at, BUCKET_SECONDS)
    highest = max((max(one.per_minute) for one in picture.versions), default=0) or 1
    rows = [
        _row(one, _COLOURS[place % len(_COLOURS)], highest)
        for place, one in enumerate(picture.versions)
    ]
    rollouts = endpoint.rollouts.select_related("model_version__model")[:_MOST_ROLLOUTS]
    return TrafficPage(
        end=picture.end,
        has_requests=any(one.share for one in picture.versions),
        rows=rows,
        rollouts=[
            {
                "name": str(one),
                "status": one.get_status_display(),
                "note": one.note,
                "address": reverse("admin:serving_rollout_change", args=[one.pk]),
            }
            for one in rollouts
        ],
    )


def _row(one: VersionTraffic, colour: str, highest: int) -> dict[str, Any]:
    deployment = one.deployment
    is_canary = deployment.role == Deployment.Role.CANARY
    return {
        "number": deployment.model_version.number,
        "role": deployment.get_role_display(),
        "group": deployment.group,
        "has_ended": deployment.ended_at is not None,
        "colour": colour,
        "percent": round(100 * one.share, 1) if one.share else 0,
        "planned": f"{deployment.weight:.0%}" if is_canary else "—",
        "rate": f"{one.requests / len(one.per_minute):.1f}",
        "errors": f"{one.error_rate:.1%}",
        "refused": one.refused,
        "p50": _milliseconds(one.p50),
        "p95": _milliseconds(one.p95),
        "p99": _milliseconds(one.p99),
        "dropped": one.dropped,
        "bars": [
            {"x": place * _STEP, "y": round(_HEIGHT - height, 1), "height": round(height, 1)}
            for place, number in enumerate(one.per_minute)
            for height in [_HEIGHT * number / highest]
        ],
        "address": reverse("admin:serving_deployment_change", args=[deployment.pk]),
    }


def _milliseconds(seconds: float | None) -> str:
    return "—" if seconds is None else f"{1000 * seconds:.2f}"

"""Liveness and readiness, for supervisors and load balancers."""

from __future__ import annotations

from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from core.clock import now
from jobs.models import ProcessHeartbeat

#: A worker or beat that has not beaten for this long counts as gone.
_FRESH = timedelta(seconds=60)


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer that the process is alive; asks nothing of anything else."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served (the database answers), else 503.

    Redis, worker and beat are reported too; without them predictions are answered and jobs are
    accepted, so their absence does not make the site unready.
    """
    checks: dict[str, str] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checks["database"] = "ok"
        fresh = ProcessHeartbeat.objects.filter(beaten_at__gte=now() - _FRESH)
        names = set(fresh.values_list("name", flat=True))
        checks["worker"] = "ok" if any(name.startswith("worker") for name in names) else "absent"
        checks["beat"] = "ok" if "beat" in names else "absent"
    except DatabaseError:
        checks["database"] = "unavailable"
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1).ping()
        checks["redis"] = "ok"
    except redis.RedisError:
        checks["redis"] = "unavailable"
    ready = checks["database"] == "ok"
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)

"""``/metrics`` for Prometheus: predictions, the log behind them, and jobs, as one web process sees them."""

from __future__ import annotations

import hmac
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from core.clock import now
from jobs.models import Job
from serving.metrics import exposition
from serving.prediction_log import backlog
from serving.routing import routing


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer to whoever sends ``METRICS_TOKEN`` as a bearer token; without that setting there are no metrics."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    is_known = scheme.lower() == "bearer" and hmac.compare_digest(
        secret.strip().encode(), settings.METRICS_TOKEN.encode()
    )
    if not is_known:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    state = routing()
    found = Job.objects.values_list("kind", "status").annotate(number=Count("pk")).order_by()
    text = exposition(
        state.statistics.snapshot(),
        state.statistics.labels,
        loaded_models=state.loaded_models,
        backlog=backlog(Path(settings.PREDICTION_LOG_ROOT), at=now().timestamp()),
        jobs={(kind, status): number for kind, status, number in found},
    )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)

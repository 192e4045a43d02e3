"""The first page of the admin: what is in production, what is going on, what needs a look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from accounts.selectors import visible_projects
from core.admin import badge, progress_bar
from core.clock import now
from jobs.models import Job, JobStatus
from monitoring.models import Alert, AlertStatus
from retraining.models import RetrainDecision
from serving.models import Deployment
from serving.selectors.predictions import hourly_predictions

_ROWS = 8


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard's cards, tables and chart to the context of the admin's first page."""
    projects = list(visible_projects(cast("User", request.user)).values_list("pk", flat=True))
    moment = now()
    champions = _champions(projects)
    alerts = Alert.objects.filter(
        project__in=projects, status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED]
    )
    active = Job.objects.filter(
        project__in=projects, status__in=[JobStatus.QUEUED, JobStatus.RUNNING]
    )
    per_hour = hourly_predictions(
        project_ids=projects, start=moment - timedelta(hours=24), end=moment
    )
    context.update(
        cards=[
            _card("Models in production", champions.count(), "serving_endpoint", "rocket_launch"),
            _card(
                "Predictions in 24 h",
                sum(per_hour.values()),
                "serving_endpoint",
                "query_stats",
            ),
            _card("Jobs at work", active.count(), "jobs_job", "pending_actions"),
            _card("Open alerts", alerts.count(), "monitoring_alert", "notifications"),
        ],
        production_table=_production_table(champions),
        predictions_chart=_predictions_chart(per_hour, moment),
        jobs_table=_jobs_table(projects),
        alerts_table=_alerts_table(alerts),
        decisions_table=_decisions_table(projects),
    )
    return context


def _card(title: str, value: int, changelist: str, icon: str) -> dict[str, Any]:
    return {
        "title": title,
        "value": f"{value:,}",
        "href": reverse(f"admin:{changelist}_changelist"),
        "icon": icon,
    }


def _link(name: str, key: object, text: object) -> SafeString:
    return format_html(
        '<a class="font-medium text-primary-600 dark:text-primary-500" href="{}">{}</a>',
        reverse(f"admin:{name}_change", args=[key]),
        text,
    )


def _ago(moment: datetime) -> str:
    return f"{timesince(moment, depth=1)} ago"


def _champions(projects: list[int]) -> QuerySet[Deployment]:
    return Deployment.objects.filter(
        endpoint__project__in=projects, role=Deployment.Role.CHAMPION, ended_at__isnull=True
    ).select_related("endpoint", "model_version__model")


def _production_table(champions: QuerySet[Deployment]) -> dict[str, Any]:
    return {
        "headers": ["Endpoint", "Champion", "Runtime", "Status", "Since"],
        "rows": [
            [
                _link("serving_endpoint", one.endpoint_id, one.endpoint.name),
                _link("models_registry_modelversion", one.model_version_id, one.model_version),
                one.model_version.runtime,
                badge(one.endpoint.status),
                _ago(one.started_at),
            ]
            for one in champions[:_ROWS]
        ],
    }


def _predictions_chart(per_hour: Mapping[datetime, int], moment: datetime) -> str:
    last = moment.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in range(23, -1, -1)]
    return json.dumps(
        {
            "labels": [f"{hour:%H}:00" for hour in hours],
            "datasets": [
                {
                    "label": "Predictions",
                    "data": [per_hour.get(hour, 0) for hour in hours],
                    "backgroundColor": "var(--color-primary-600)",
                    "maxBarThickness": 28,
                    "borderRadius": 4,
                    "displayYAxis": True,
                }
            ],
        }
    )


def _jobs_table(projects: list[int]) -> dict[str, Any]:
    jobs = Job.objects.filter(project__in=projects).order_by("-created_at")[:_ROWS]
    return {
        "headers": ["Job", "Status", "Progress", "Asked"],
        "rows": [
            [
                _link("jobs_job", job.pk, job.title or job.kind),
                badge(job.status),
                progress_bar(job.progress, job.stage),
                _ago(job.created_at),
            ]
            for job in jobs
        ],
    }


def _alerts_table(alerts: QuerySet[Alert]) -> dict[str, Any]:
    return {
        "headers": ["Alert", "Status", "Opened"],
        "rows": [
            [
                _link("monitoring_alert", alert.pk, alert.title),
                badge(alert.status),
                _ago(alert.opened_at),
            ]
            for alert in alerts[:_ROWS]
        ],
    }


def _decisions_table(projects: list[int]) -> dict[str, Any]:
    decisions = RetrainDecision.objects.filter(
        policy__endpoint__project__in=projects
    ).select_related("policy__endpoint", "challenger__model")[:_ROWS]
    return {
        "headers": ["Endpoint", "Trigger", "Challenger", "Verdict", "When"],
        "rows": [
            [
                _link("retraining_retraindecision", one.pk, one.policy.endpoint.name),
                one.get_trigger_display(),
                str(one.challenger) if one.challenger else "—",
                badge(one.verdict, one.get_verdict_display()),
                _ago(one.created_at),
            ]
            for one in decisions
        ],
    }

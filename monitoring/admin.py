"""Drift reports, ground truth, policies and alerts in the admin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_access import ProjectAdminMixin
from accounts.admin_asking import AskingAdminMixin, Done, Question
from accounts.admin_reports import ReportPageMixin
from accounts.policy import Permission
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from monitoring import services
from monitoring.models import (
    NEXT_ALERT_STATUSES,
    Alert,
    AlertStatus,
    DriftReport,
    GroundTruth,
    GroundTruthChange,
    MonitoringPolicy,
)
from monitoring.report_page import page_of
from monitoring.selectors import drift_reports

_TERMS = ("enabled", "drift_level", "effect_floor", "min_rows", "window_hours")
#: Where each action moves an alert.
_ALERT_MOVES = {
    "acknowledge": AlertStatus.ACKNOWLEDGED,
    "resolve": AlertStatus.RESOLVED,
    "suppress": AlertStatus.SUPPRESSED,
    "reopen": AlertStatus.OPEN,
}


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
    """Incidents that a person should know of."""

    list_display = (
        "title",
        "state",
        "endpoint",
        "kind",
        "occurrences",
        "opened_at",
        "last_seen_at",
    )
    list_filter = ("status", "kind", "endpoint")
    list_select_related = ("endpoint", "report")
    actions_detail: ClassVar[list[str]] = ["acknowledge", "resolve", "suppress", "reopen"]
    fieldsets = (
        (None, {"fields": ("title", "state", "endpoint", "kind", "detail", "report_link")}),
        (
            "Course",
            {
                "fields": (
                    "occurrences",
                    "opened_at",
                    "last_seen_at",
                    "acknowledged_by",
                    "resolved_at",
                )
            },
        ),
    )
    readonly_fields = ("state", "report_link")

    @display(description="Status")
    def state(self, alert: Alert) -> SafeString:
        return badge(alert.status, alert.get_status_display())

    @display(description="Report")
    def report_link(self, alert: Alert) -> SafeString | str:
        return _link("driftreport", alert.report) if alert.report else "—"

    def offered(self, request: HttpRequest, row: Alert) -> Collection[str]:
        """Return the moves that are open to the alert."""
        onward = NEXT_ALERT_STATUSES[AlertStatus(row.status)]
        return [name for name, status in _ALERT_MOVES.items() if status in onward]

    @action(
        description="Acknowledge", url_path="acknowledge", permissions=["edit"], icon="visibility"
    )
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that somebody looks after it."""
        return self._move(
            request,
            object_id,
            services.acknowledge_alert,
            lambda alert: Question(
                "Acknowledge the alert?",
                f"“{alert}”: the others see that you look after it.",
                "Acknowledge",
            ),
        )

    @action(description="Resolve", url_path="resolve", permissions=["edit"], icon="task_alt")
    def resolve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that it is over."""
        return self._move(
            request,
            object_id,
            services.resolve_alert,
            lambda alert: Question(
                "Resolve the alert?",
                f"“{alert}” is over; the next occurrence opens a new alert.",
                "Resolve",
            ),
        )

    @action(
        description="Suppress", url_path="suppress", permissions=["edit"], icon="notifications_off"
    )
    def suppress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Count further occurrences, but do not call for anybody."""
        return self._move(
            request,
            object_id,
            services.suppress_alert,
            lambda alert: Question(
                "Suppress the alert?",
                f"“{alert}”: further occurrences are counted, and nobody is called.",
                "Suppress",
                is_danger=True,
            ),
        )

    @action(
        description="Open again",
        url_path="reopen",
        permissions=["edit"],
        icon="notifications_active",
    )
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Call for somebody again."""
        return self._move(
            request,
            object_id,
            services.reopen_alert,
            lambda alert: Question(
                "Open the alert again?", f"“{alert}”: somebody is to look after it.", "Open again"
            ),
        )

    def _move(
        self,
        request: HttpRequest,
        object_id: str,
        move: Callable[..., Alert],
        question: Callable[[Alert], Question],
    ) -> HttpResponse:
        def act(alert: Alert, _: Mapping[str, Any]) -> str:
            moved = move(principal=self.principal(request, alert.project), alert=alert)
            return f"The alert is {moved.get_status_display().lower()}."

        return self.ask(request, object_id, question, act)


@admin.register(DriftReport)
class DriftReportAdmin(ReadOnlyAdminMixin, ReportPageMixin, ModelAdmin):
    """Windows of traffic compared with the training reference."""

    project_lookup = "endpoint__project"
    list_display = (
        "endpoint",
        "outcome",
        "model_version",
        "current_rows",
        "coverage",
        "window_start",
        "window_end",
    )
    list_display_links = ("endpoint", "outcome")
    list_filter = ("verdict", "endpoint")
    change_form_before_template = "admin/monitoring/drift_report.html"
    actions_detail: ClassVar[list[str]] = ["run_again"]
    fieldsets = (
        (
            "Particulars",
            {
                "fields": (
                    "endpoint",
                    "model_version",
                    "window_start",
                    "window_end",
                    "job",
                    "created_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftReport]:
        visible: QuerySet[DriftReport] = super().get_queryset(request)
        return drift_reports().filter(pk__in=visible.order_by().values("pk"))

    def report_context(self, request: HttpRequest, row: DriftReport) -> dict[str, Any]:
        """Put the readable report before the particulars."""
        return {"page": page_of(row)}

    @display(description="Verdict")
    def outcome(self, report: DriftReport) -> SafeString:
        return badge(report.verdict, report.get_verdict_display())

    @display(description="Labelled")
    def coverage(self, report: DriftReport) -> str:
        return f"{report.label_coverage:.0%}"

    @action(
        description="Look at the latest window",
        url_path="run-again",
        permissions=["edit"],
        icon="refresh",
    )
    def run_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then compare the endpoint's latest window."""
        return _ask_for_report(self, request, object_id)


class GroundTruthChangeInline(admin.TabularInline):  # type: ignore[type-arg]
    """Earlier values of a label."""

    model = GroundTruthChange
    fields = ("old_value", "new_value", "at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True


@admin.register(GroundTruth)
class GroundTruthAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """What really happened, by prediction."""

    list_display = ("prediction_id", "endpoint", "value", "predicted_at", "received_at")
    list_filter = ("endpoint",)
    list_select_related = ("endpoint",)
    search_fields = ("prediction_id",)
    inlines = (GroundTruthChangeInline,)


@admin.register(MonitoringPolicy)
class MonitoringPolicyAdmin(AskingAdminMixin, ModelAdmin):
    """When drift is worth an alarm."""

    project_lookup = "endpoint__project"
    list_display = ("endpoint", "state", "drift_level", "effect_floor", "min_rows", "window_hours")
    list_select_related = ("endpoint__project",)
    actions_detail: ClassVar[list[str]] = ["run_report"]
    readonly_fields = ("endpoint",)
    fields = ("endpoint", *_TERMS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not isinstance(obj, MonitoringPolicy):
            return self.has_view_permission(request, obj)
        return self.may(request, obj.endpoint.project, Permission.DEPLOY)

    def save_model(
        self, request: HttpRequest, obj: MonitoringPolicy, form: Any, change: bool
    ) -> None:
        """Change through the service, which checks the role and writes the audit."""
        services.change_policy(
            principal=self.principal(request, obj.endpoint.project),
            policy=obj,
            **{name: form.cleaned_data[name] for name in _TERMS},
        )

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refuses as a message on the form."""
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    @display(description="State")
    def state(self, policy: MonitoringPolicy) -> SafeString:
        return badge("live", "enabled") if policy.enabled else badge("stopped", "disabled")

    @action(
        description="Run a drift report",
        url_path="run-report",
        permissions=["edit"],
        icon="monitoring",
    )
    def run_report(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then compare the endpoint's latest window."""
        return _ask_for_report(self, request, object_id)


def _ask_for_report(page: AskingAdminMixin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask, then have the traffic of a row's endpoint looked at."""

    def act(row: DriftReport | MonitoringPolicy, _: Mapping[str, Any]) -> Done:
        endpoint = row.endpoint
        job = services.request_drift_report(
            principal=page.principal(request, endpoint.project), endpoint=endpoint
        )
        return Done(
            f"The traffic of '{endpoint.name}' is being looked at.",
            reverse("admin:jobs_job_change", args=[job.pk]),
        )

    return page.ask(
        request,
        object_id,
        lambda row: Question(
            f"Run a drift report on {row.endpoint.name}?",
            "The traffic of the latest window is compared with the training data.",
            "Run the report",
        ),
        act,
    )


def _link(model: str, row: Model) -> SafeString:
    return format_html(
        '<a class="text-primary-600 underline" href="{}">{}</a>',
        reverse(f"admin:monitoring_{model}_change", args=[row.pk]),
        str(row),
    )

"""Jobs in the admin: how far they are, what they said, cancel and retry."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, progress_bar, refusals_as_messages
from jobs import services
from jobs.models import Job, ProcessHeartbeat


@admin.register(Job)
class JobAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Long work, newest first."""

    list_display = (
        "what",
        "state",
        "how_far",
        "attempt",
        "created_by",
        "created_at",
        "finished_at",
    )
    list_filter = ("status", "kind", "project")
    search_fields = ("title", "kind", "error_message")
    list_select_related = ("created_by", "project")
    actions_detail: ClassVar[list[str]] = ["cancel_job", "retry_job"]
    actions_row: ClassVar[list[str]] = ["cancel_job", "retry_job"]
    fieldsets = (
        (None, {"fields": ("what", "state", "how_far", "stage", "message", "project")}),
        ("Outcome", {"fields": ("result", "error_code", "error_message", "log")}),
        (
            "Particulars",
            {
                "fields": (
                    "id",
                    "kind",
                    "queue",
                    "arguments",
                    "attempt",
                    "worker",
                    "created_by",
                    "created_at",
                    "claimed_at",
                    "heartbeat_at",
                    "finished_at",
                )
            },
        ),
    )

    @display(description="Job")
    def what(self, job: Job) -> str:
        return job.title or job.kind

    @display(description="Status")
    def state(self, job: Job) -> SafeString:
        return badge("cancelled", "cancelling") if job.is_cancelling else badge(job.status)

    @display(description="Progress")
    def how_far(self, job: Job) -> SafeString:
        return progress_bar(job.progress, job.stage)

    @display(description="Log")
    def log(self, job: Job) -> SafeString | str:
        lines = job.log_lines.all()[:200]
        shown = format_html_join(
            "", "<div>{} {}</div>", ((f"{line.at:%H:%M:%S}", line.text) for line in lines)
        )
        return shown or "—"

    @action(description="Cancel", url_path="cancel")
    @refusals_as_messages
    def cancel_job(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop the job."""
        job = get_object_or_404(self.get_queryset(request), pk=object_id)
        services.cancel(principal=self.principal(request, job.project), job=job)
        messages.success(request, "The job was told to stop.")
        return redirect(reverse("admin:jobs_job_change", args=[object_id]))

    @action(description="Retry", url_path="retry")
    @refusals_as_messages
    def retry_job(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Queue the job again."""
        job = get_object_or_404(self.get_queryset(request), pk=object_id)
        services.retry(principal=self.principal(request, job.project), job=job)
        messages.success(request, "The job is queued again.")
        return redirect(reverse("admin:jobs_job_change", args=[object_id]))


@admin.register(ProcessHeartbeat)
class ProcessHeartbeatAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Workers and beat, with their last sign of life."""

    list_display = ("name", "started_at", "beaten_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProcessHeartbeat]:
        queryset: QuerySet[ProcessHeartbeat] = super().get_queryset(request)
        return queryset.order_by("-beaten_at")

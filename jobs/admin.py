"""Jobs in the admin: how far they are, what they said, cancel and retry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, progress_bar
from jobs import services
from jobs.models import NEXT_STATUSES, Job, JobStatus, ProcessHeartbeat


@admin.register(Job)
class JobAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
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

    def offered(self, request: HttpRequest, row: Job) -> Collection[str]:
        """Return what can be done in the job's state: end what has not ended, repeat what went wrong."""
        if not row.is_final:
            return () if row.is_cancelling else ("cancel_job",)
        onward = NEXT_STATUSES[JobStatus(row.status)]
        return ("retry_job",) if JobStatus.QUEUED in onward else ()

    @action(description="Cancel", url_path="cancel", permissions=["edit"], icon="cancel")
    def cancel_job(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stop the job."""

        def act(job: Job, _: Mapping[str, Any]) -> str:
            services.cancel(principal=self.principal(request, job.project), job=job)
            return "The job was told to stop."

        return self.ask(
            request,
            object_id,
            lambda job: Question(
                f"Cancel {self.what(job)}?",
                "What it has done so far is thrown away. It can be tried again later.",
                "Cancel the job",
                is_danger=True,
            ),
            act,
        )

    @action(description="Retry", url_path="retry", permissions=["edit"], icon="replay")
    def retry_job(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then queue the job again."""

        def act(job: Job, _: Mapping[str, Any]) -> str:
            services.retry(principal=self.principal(request, job.project), job=job)
            return "The job is queued again."

        return self.ask(
            request,
            object_id,
            lambda job: Question(
                f"Try {self.what(job)} again?",
                "It begins from the start, with what it was asked for at first.",
                "Retry",
            ),
            act,
        )


@admin.register(ProcessHeartbeat)
class ProcessHeartbeatAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Workers and beat, with their last sign of life."""

    list_display = ("name", "started_at", "beaten_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProcessHeartbeat]:
        queryset: QuerySet[ProcessHeartbeat] = super().get_queryset(request)
        return queryset.order_by("-beaten_at")

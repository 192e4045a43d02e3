"""Batch scorings in the admin."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_access import ProjectAdminMixin
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, progress_bar
from core.errors import DomainError
from serving import services
from serving.forms import BatchScoringForm
from serving.models import BatchScoring
from serving.selectors.scorings import with_related


@admin.register(BatchScoring)
class BatchScoringAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Dataset versions, scored in one go."""

    list_display = ("__str__", "state", "progress", "answers", "rows_refused", "created_at")
    list_filter = ("model_version__model",)
    search_fields = ("model_version__model__name", "dataset_version__dataset__name")
    fieldsets = (
        (None, {"fields": ("model_version", "dataset_version", "state", "progress", "job")}),
        ("Answers", {"fields": ("output_dataset", "answers", "keep", "rows_refused")}),
        ("Particulars", {"fields": ("project", "created_by", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchScoring]:
        return with_related(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.has_module_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, and ask for the scoring; what is refused is said beside its field."""
        projects = list(visible_projects(cast("User", request.user)))
        initial = {name: request.GET.get(name) for name in ("model_version", "dataset_version")}
        form = BatchScoringForm(request.POST or None, projects=projects, initial=initial)
        if request.method == "POST" and form.is_valid():
            scoring = self._ask(request, form)
            if scoring is not None:
                messages.success(request, "The rows are being scored.")
                return redirect(reverse("admin:serving_batchscoring_change", args=[scoring.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Score a dataset version",
            "opts": self.opts,
            "form": form,
            "button": "Score",
            "back": reverse("admin:serving_batchscoring_changelist"),
        }
        return TemplateResponse(request, "admin/form_page.html", context)

    def _ask(self, request: HttpRequest, form: BatchScoringForm) -> BatchScoring | None:
        wanted = form.cleaned_data
        try:
            principal = self.principal(request, wanted["model_version"].model.project)
            return services.score_dataset_version(principal=principal, **wanted)
        except DomainError as refusal:
            complaints = [(one.field.partition(".")[0], _said(one)) for one in refusal.errors]
            for field, text in complaints or [("", refusal.message)]:
                form.add_error(field if field in form.fields else None, text)
            return None

    @display(description="Status")
    def state(self, scoring: BatchScoring) -> SafeString:
        if scoring.output_version_id is not None:
            return badge("succeeded")
        return badge(scoring.job.status) if scoring.job is not None else badge("failed", "lost")

    @display(description="Progress")
    def progress(self, scoring: BatchScoring) -> SafeString | str:
        if scoring.output_version_id is not None or scoring.job is None:
            return "—"
        return progress_bar(scoring.job.progress, scoring.job.stage)

    @display(description="Answers")
    def answers(self, scoring: BatchScoring) -> SafeString | str:
        made = scoring.output_version
        if made is None:
            return "—"
        return format_html(
            '<a class="text-primary-600 underline" href="{}">{}</a>, {} rows',
            reverse("admin:datasets_datasetversion_change", args=[made.pk]),
            str(made),
            f"{made.row_count or 0:,}",
        )


def _said(one: Any) -> str:
    """Return a complaint; one about a column says which."""
    column = one.field.partition(".")[2]
    return f"{column}: {one.message}" if column else str(one.message)

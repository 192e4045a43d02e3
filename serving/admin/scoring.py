"""Batch scorings in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_asking import Done
from accounts.admin_forms import FormPageMixin
from accounts.models import Project
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, progress_bar
from core.errors import FieldError
from serving import services
from serving.forms import BatchScoringForm
from serving.models import BatchScoring
from serving.selectors.scorings import with_related


@admin.register(BatchScoring)
class BatchScoringAdmin(FormPageMixin, ReadOnlyAdminMixin, ModelAdmin):
    """Dataset versions, scored in one go."""

    form_title = "Score a dataset version"
    form_button = "Score"
    list_display = ("__str__", "state", "progress", "answers", "rows_refused", "created_at")
    list_filter = ("model_version__model",)
    search_fields = ("model_version__model__name", "dataset_version__dataset__name")
    fieldsets = (
        (None, {"fields": ("model_version", "dataset_version", "state", "progress", "job")}),
        ("Answers", {"fields": ("output_dataset", "answers", "keep", "threshold", "rows_refused")}),
        ("Particulars", {"fields": ("project", "created_by", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchScoring]:
        return with_related(super().get_queryset(request))

    def asking_form(self, request: HttpRequest, projects: list[Project]) -> BatchScoringForm:
        initial = {name: request.GET.get(name) for name in ("model_version", "dataset_version")}
        return BatchScoringForm(request.POST or None, projects=projects, initial=initial)

    def ask_service(self, request: HttpRequest, form: BatchScoringForm) -> Done:
        wanted = form.cleaned_data
        principal = self.principal(request, wanted["model_version"].model.project)
        scoring = services.score_dataset_version(principal=principal, **wanted)
        return Done(
            "The rows are being scored.",
            reverse("admin:serving_batchscoring_change", args=[scoring.pk]),
        )

    def complaint(self, error: FieldError) -> tuple[str, str]:
        """Say of a complaint about a column which."""
        field, _, column = error.field.partition(".")
        return field, f"{column}: {error.message}" if column else error.message

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

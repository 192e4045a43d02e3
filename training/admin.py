"""Training runs in the admin: ask for one, see where it led."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
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
from models_registry.decision_form import number_field_name, rule_in_words
from training import services
from training.forms import TrainForm
from training.models import TrainingRun

#: Where the form shows what the service says of a part of the split policy, and of the one number of a
#: decision rule whose limits depend on the task.
_FIELDS: Mapping[str, str] = {
    "split.policy": "split_policy",
    "split.column": "split_column",
    "split.gap_hours": "gap_hours",
    "decision.threshold": number_field_name("fixed", "threshold"),
}


def _split_in_words(split: Mapping[str, Any]) -> str:
    """Return a policy, or what came of one, as a sentence."""
    if not split:
        return "by class where the classes are large enough"
    words = str(split["policy"])
    if split.get("column"):
        words += f" by {split['column']}"
    if split.get("gap_hours"):
        words += f", gap of {split['gap_hours']:g} hours"
    if "train_rows" in split:
        words += f": {split['train_rows']:,} rows learnt, {split['test_rows']:,} tested"
    if split.get("left_out_rows"):
        words += f", {split['left_out_rows']:,} left out"
    if split.get("boundary"):
        words += f"; boundary {split['boundary']}"
    return words


@admin.register(TrainingRun)
class TrainingRunAdmin(FormPageMixin, ReadOnlyAdminMixin, ModelAdmin):
    """Models that were asked for, and where that led."""

    form_title = "Train a model"
    form_button = "Train"
    form_template = "admin/training/train.html"
    list_display = (
        "__str__",
        "state",
        "progress",
        "estimator",
        "target",
        "version_link",
        "created_at",
    )
    list_filter = ("estimator", "task", "registered_model")
    search_fields = ("registered_model__name", "target")
    list_select_related = (
        "registered_model",
        "dataset_version__dataset",
        "model_version__model",
        "run",
        "job",
        "recipe_revision__recipe",
    )
    fieldsets = (
        (None, {"fields": ("registered_model", "state", "progress", "run", "version_link", "job")}),
        ("Data", {"fields": ("dataset_version", "target", "features", "task", "dropped_columns")}),
        (
            "Preprocessing, split and decision",
            {"fields": ("recipe", "split_in_words", "split_report", "decision_rule")},
        ),
        ("Estimator", {"fields": ("estimator", "params", "seed", "holdout_fraction", "folds")}),
        ("Particulars", {"fields": ("warnings", "created_by", "created_at")}),
    )

    def asking_form(self, request: HttpRequest, projects: list[Project]) -> TrainForm:
        if request.method != "POST":
            initial = {"dataset_version": request.GET.get("dataset_version")}
            return TrainForm(projects=projects, initial=initial)
        if request.POST.get("do") == "offer":
            return TrainForm(projects=projects, draft=request.POST)
        return TrainForm(request.POST, projects=projects)

    def ask_service(self, request: HttpRequest, form: TrainForm) -> Done:
        principal = self.principal(request, form.home())
        job = services.start_training(principal=principal, **form.request())
        return Done("The model is being trained.", reverse("admin:jobs_job_change", args=[job.pk]))

    def complaint(self, error: FieldError) -> tuple[str, str]:
        """Put complaints about parts beside the fields that say them; one about a step says which."""
        field = _FIELDS.get(error.field, error.field.partition(".")[0])
        if error.field.startswith("recipe.steps"):
            return field, f"{error.field.removeprefix('recipe.')}: {error.message}"
        return field, error.message

    @display(description="Recipe")
    def recipe(self, row: TrainingRun) -> SafeString | str:
        if row.recipe_revision is None:
            return "—"
        return format_html(
            '<a class="text-primary-600 underline" href="{}?revision={}">{}</a>',
            reverse("admin:datasets_recipe_change", args=[row.recipe_revision.recipe_id]),
            row.recipe_revision.number,
            str(row.recipe_revision),
        )

    @display(description="Split")
    def split_in_words(self, row: TrainingRun) -> str:
        return _split_in_words(row.split_report or row.split)

    @display(description="Decision rule")
    def decision_rule(self, row: TrainingRun) -> str:
        return rule_in_words(row.decision)

    @display(description="Status")
    def state(self, row: TrainingRun) -> SafeString:
        return badge(row.run.status)

    @display(description="Progress")
    def progress(self, row: TrainingRun) -> SafeString | str:
        return "—" if row.job is None else progress_bar(row.job.progress, row.job.stage)

    @display(description="Model version")
    def version_link(self, row: TrainingRun) -> SafeString | str:
        if row.model_version is None:
            return "—"
        return format_html(
            '<a class="text-primary-600 underline" href="{}">{}</a>',
            reverse("admin:models_registry_modelversion_change", args=[row.model_version.pk]),
            str(row.model_version),
        )

"""Training runs in the admin: ask for one, see where it led."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
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
from core.errors import DomainError, FieldError
from jobs.models import Job
from training import services
from training.forms import TrainForm
from training.models import TrainingRun

#: Where the form shows what the service says of a part of the split policy.
_FIELDS: Mapping[str, str] = {
    "split.policy": "split_policy",
    "split.column": "split_column",
    "split.gap_hours": "gap_hours",
}


def _complaint(error: FieldError) -> str:
    """Return a complaint for the form; one about a step says which."""
    if error.field.startswith("recipe.steps"):
        return f"{error.field.removeprefix('recipe.')}: {error.message}"
    return error.message


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
class TrainingRunAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Models that were asked for, and where that led."""

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
            "Preprocessing and split",
            {"fields": ("recipe", "split_in_words", "split_report")},
        ),
        ("Estimator", {"fields": ("estimator", "params", "seed", "holdout_fraction", "folds")}),
        ("Particulars", {"fields": ("warnings", "created_by", "created_at")}),
    )

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.has_module_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, and ask for the training; what is refused is said beside its field."""
        projects = list(visible_projects(cast("User", request.user)))
        initial = {"dataset_version": request.GET.get("dataset_version")}
        form = TrainForm(request.POST or None, projects=projects, initial=initial)
        if request.method == "POST" and form.is_valid():
            job = self._start(request, form)
            if job is not None:
                messages.success(request, "The model is being trained.")
                return redirect(reverse("admin:jobs_job_change", args=[job.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Train a model",
            "opts": self.opts,
            "form": form,
            "button": "Train",
            "back": reverse("admin:training_trainingrun_changelist"),
        }
        return TemplateResponse(request, "admin/form_page.html", context)

    def _start(self, request: HttpRequest, form: TrainForm) -> Job | None:
        wanted = form.request()
        try:
            principal = self.principal(request, form.home())
            return services.start_training(principal=principal, **wanted)
        except DomainError as refusal:
            complaints = [
                (_FIELDS.get(one.field, one.field.partition(".")[0]), _complaint(one))
                for one in refusal.errors
            ]
            for field, text in complaints or [("", refusal.message)]:
                form.add_error(field if field in form.fields else None, text)
            return None

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

"""Training runs in the admin: ask for one, see where it led."""

from __future__ import annotations

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
from core.errors import DomainError
from jobs.models import Job
from training import services
from training.forms import TrainForm
from training.models import TrainingRun


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
    )
    fieldsets = (
        (None, {"fields": ("registered_model", "state", "progress", "run", "version_link", "job")}),
        ("Data", {"fields": ("dataset_version", "target", "features", "task", "dropped_columns")}),
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
            "back": reverse("admin:training_trainingrun_changelist"),
        }
        return TemplateResponse(request, "admin/training/train.html", context)

    def _start(self, request: HttpRequest, form: TrainForm) -> Job | None:
        wanted = form.request()
        try:
            principal = self.principal(request, form.home())
            return services.start_training(principal=principal, **wanted)
        except DomainError as refusal:
            complaints = [(one.field.partition(".")[0], one.message) for one in refusal.errors]
            for field, text in complaints or [("", refusal.message)]:
                form.add_error(field if field in form.fields else None, text)
            return None

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

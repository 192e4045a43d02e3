"""Training runs in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin
from training.models import TrainingRun


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Models that were asked for, and where that led."""

    list_display = ("__str__", "estimator", "task", "target", "model_version", "created_at")
    list_filter = ("estimator", "registered_model")
    list_select_related = (
        "registered_model",
        "dataset_version__dataset",
        "model_version__model",
    )

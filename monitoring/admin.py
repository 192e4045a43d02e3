"""Drift reports, ground truth, policies and alerts in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin
from monitoring.models import Alert, DriftReport, GroundTruth, MonitoringPolicy


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Incidents that a person should know of."""

    list_display = ("title", "endpoint", "kind", "status", "occurrences", "opened_at")
    list_filter = ("status", "kind", "endpoint")
    list_select_related = ("endpoint",)


@admin.register(DriftReport)
class DriftReportAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Windows of traffic compared with the training reference."""

    project_lookup = "endpoint__project"
    list_display = ("endpoint", "model_version", "verdict", "current_rows", "created_at")
    list_filter = ("verdict", "endpoint")
    list_select_related = ("endpoint", "model_version__model")


@admin.register(GroundTruth)
class GroundTruthAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """What really happened, by prediction."""

    list_display = ("prediction_id", "endpoint", "value", "predicted_at", "received_at")
    list_filter = ("endpoint",)
    list_select_related = ("endpoint",)


@admin.register(MonitoringPolicy)
class MonitoringPolicyAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """When drift is worth an alarm."""

    project_lookup = "endpoint__project"
    list_display = ("endpoint", "enabled", "drift_level", "effect_floor", "min_rows")
    list_select_related = ("endpoint",)

"""Registered models, versions and approvals in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin
from models_registry.models import ApprovalRequest, ModelVersion, RegisteredModel


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Named lines of model versions."""

    list_display = ("name", "project", "requires_approval", "created_at")
    list_filter = ("project",)
    search_fields = ("name",)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Trained models with their files, gates and origin."""

    project_lookup = "model__project"
    list_display = ("__str__", "status", "validation", "estimator", "runtime", "created_at")
    list_filter = ("status", "validation", "model")
    list_select_related = ("model",)


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Promotions that wait for a second person."""

    project_lookup = "version__model__project"
    list_display = ("version", "status", "requested_by", "decided_by", "created_at")
    list_filter = ("status",)
    list_select_related = ("version__model", "requested_by", "decided_by")

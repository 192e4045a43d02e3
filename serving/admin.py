"""Endpoints and deployments in the admin."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin
from serving.models import Deployment, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Stable names that applications ask."""

    list_display = ("name", "model", "status", "created_at")
    list_filter = ("status", "project")
    search_fields = ("name",)
    list_select_related = ("model",)


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Model versions at work behind endpoints."""

    project_lookup = "endpoint__project"
    list_display = ("endpoint", "model_version", "role", "weight", "started_at", "ended_at")
    list_filter = ("role", "endpoint")
    list_select_related = ("endpoint", "model_version__model")

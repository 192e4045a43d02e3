"""Deployments in the admin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from serving import services
from serving.models import Deployment
from serving.traffic_forms import WeightForm


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
    """Model versions at work behind endpoints."""

    project_lookup = "endpoint__project"
    list_display = (
        *("endpoint", "model_version", "part", "weight", "group", "work"),
        *("started_at", "ended_at"),
    )
    actions_detail: ClassVar[list[str]] = ["weigh", "end"]
    list_filter = ("role", "endpoint")
    list_select_related = ("endpoint__project", "model_version__model")

    @display(description="Role")
    def part(self, deployment: Deployment) -> SafeString:
        return badge(deployment.role)

    @display(description="State")
    def work(self, deployment: Deployment) -> SafeString:
        if deployment.ended_at is not None:
            return badge("stopped", "ended")
        if deployment.problem:
            return badge("failed", "cannot be loaded")
        return badge("live", "at work")

    def offered(self, request: HttpRequest, row: Deployment) -> Collection[str]:
        """Return what the services would not refuse."""
        if row.ended_at is not None:
            return ()
        if row.role == Deployment.Role.CANARY:
            return ("weigh", "end")
        return ("end",) if row.role == Deployment.Role.SHADOW else ()

    @action(description="Change share", url_path="weigh", permissions=["deploy"], icon="balance")
    def weigh(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for another share of the traffic."""

        def act(deployment: Deployment, said: Mapping[str, Any]) -> str:
            services.change_weight(
                principal=self.principal(request, deployment.endpoint.project),
                deployment=deployment,
                weight=said["weight"],
            )
            return "The share holds within a second."

        return self.ask(
            request,
            object_id,
            lambda one: Question(
                f"Which share shall {one.model_version} have?",
                f"It has {one.weight:.0%} now; the champion has what is left.",
                "Change",
                WeightForm,
            ),
            act,
        )

    @action(description="End", url_path="end", permissions=["deploy"], icon="stop_circle")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end its work."""

        def act(deployment: Deployment, _: Mapping[str, Any]) -> str:
            services.end_deployment(
                principal=self.principal(request, deployment.endpoint.project),
                deployment=deployment,
            )
            return "It has ended; the champion takes its callers."

        return self.ask(
            request,
            object_id,
            lambda one: Question(
                f"End {one.model_version} as {one.role}?",
                "The champion takes its callers within a second.",
                "End",
                is_danger=True,
            ),
            act,
        )

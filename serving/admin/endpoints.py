"""Endpoints in the admin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import Done, Question
from accounts.admin_reports import ReportPageMixin
from accounts.policy import Permission
from core.admin import ModelAdmin, badge, refusals_as_messages
from core.clock import now
from models_registry.forms import ReasonForm
from models_registry.models import ModelVersion
from models_registry.selectors import PREVIOUS
from serving import services
from serving.admin.log_pages import LogPagesMixin
from serving.example import example_request
from serving.models import Deployment, Endpoint
from serving.selectors.deployments import with_active_deployments
from serving.traffic_forms import (
    FallBackForm,
    GroupForm,
    StepsForm,
    WeightForm,
    constant_of,
    version_form,
)
from serving.traffic_page import traffic_page


def _version_link(version: ModelVersion) -> SafeString:
    return format_html(
        '<a class="text-primary-600 underline" href="{}">{}</a>',
        reverse("admin:models_registry_modelversion_change", args=[version.pk]),
        str(version),
    )


class DeploymentInline(admin.TabularInline):  # type: ignore[type-arg]
    """What answered behind the endpoint, the newest first."""

    model = Deployment
    hide_title = True
    fields = (
        "model_version",
        "role",
        "group",
        "reason",
        "started_by",
        "started_at",
        "ended_at",
        "problem",
    )
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "history of deployments"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deployment]:
        return Deployment.objects.select_related("model_version__model", "started_by")


@admin.register(Endpoint)
class EndpointAdmin(LogPagesMixin, ReportPageMixin, ModelAdmin):
    """Stable names that applications ask."""

    list_display = ("name", "state", "model", "answers", "project", "created_at")
    list_filter = ("status", "project")
    search_fields = ("name", "model__name")
    inlines = (DeploymentInline,)
    change_form_before_template = "admin/serving/endpoint_traffic.html"
    actions_detail: ClassVar[list[Any]] = [
        *("start", "roll_out", "roll_back", "fall_back"),
        {"title": "More", "icon": "more_horiz", "items": ["add_canary", "add_shadow", "stop"]},
    ]
    readonly_fields = ("state", "answers", "example", "created_by", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        return with_active_deployments(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Endpoint | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "model", "description")}),)
        return (
            (None, {"fields": ("name", "state", "model", "answers", "description", "is_open")}),
            (
                "Prediction log",
                {"fields": ("log_share", "log_redaction", "log_retention_days")},
            ),
            (
                "Traffic",
                {
                    "fields": (
                        "entity_column",
                        "fallback",
                        "fallback_value",
                        "decision_threshold",
                    )
                },
            ),
            ("Ask it", {"fields": ("example",)}),
            ("Particulars", {"fields": ("project", "created_by", "created_at")}),
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("name", "model", "project", *self.readonly_fields)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        return self.inlines if obj is not None else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not isinstance(obj, Endpoint):
            return self.has_view_permission(request, obj)
        return self.may(request, obj.project, Permission.DEPLOY)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """Create or change through the service, which checks the role and writes the audit."""
        if change:
            principal = self.principal(request, obj.project)
            services.change_endpoint(
                principal=principal,
                endpoint=obj,
                description=obj.description,
                is_open=obj.is_open,
                entity_column=obj.entity_column,
                fallback=obj.fallback,
                fallback_value=obj.fallback_value,
            )
            services.set_decision_threshold(
                principal=principal, endpoint=obj, threshold=obj.decision_threshold
            )
            services.change_log_policy(
                principal=principal,
                endpoint=obj,
                log_share=obj.log_share,
                log_redaction=obj.log_redaction or {},
                log_retention_days=obj.log_retention_days or 0,
            )
            return
        made = services.create_endpoint(
            principal=self.principal(request, obj.model.project),
            name=obj.name,
            model=obj.model,
            description=obj.description,
        )
        obj.pk, obj.project = made.pk, made.project

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refuses as a message on the form."""
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def report_context(self, request: HttpRequest, row: Endpoint) -> dict[str, Any]:
        """Put the live picture before the fields."""
        return {"traffic": traffic_page(row, now()), "is_live_page": "live" in request.GET}

    @display(description="Status")
    def state(self, endpoint: Endpoint) -> SafeString:
        return badge(endpoint.status, endpoint.get_status_display())

    @display(description="Answers with")
    def answers(self, endpoint: Endpoint) -> SafeString | str:
        active: list[Deployment] = getattr(endpoint, "active", [])
        rows = (
            (
                badge(one.role),
                _version_link(one.model_version),
                badge("failed", f"cannot be loaded: {one.problem}") if one.problem else "",
            )
            for one in active
        )
        return format_html_join(" ", "{} {} {}", rows) or "—"

    @display(description="With curl")
    def example(self, endpoint: Endpoint) -> SafeString | str:
        active: list[Deployment] = getattr(endpoint, "active", [])
        if not active:
            return "—"
        return format_html(
            '<pre class="rounded-default border border-base-200 p-3 text-xs dark:border-base-700" '
            'style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>',
            example_request(endpoint.name, active[0].model_version),
        )

    def offered(self, request: HttpRequest, row: Endpoint) -> Collection[str]:
        """Return what the services would not refuse: stop or start, and a way back where there is one."""
        names = {"add_canary", "add_shadow", "roll_out"}
        if row.status != Endpoint.Status.LIVE:
            names.add("start")
        if row.status != Endpoint.Status.STOPPED:
            names.add("stop")
        if row.status != Endpoint.Status.FALLBACK:
            names.add("fall_back")
        if row.model.aliases.filter(name=PREVIOUS).exists():
            names.add("roll_back")
        return names

    @action(description="Roll out", url_path="roll-out", permissions=["deploy"], icon="trending_up")
    def roll_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a version and steps, then plan the rollout."""

        def act(endpoint: Endpoint, said: Mapping[str, Any]) -> Done:
            made = services.create_rollout(
                principal=self.principal(request, endpoint.project),
                endpoint=endpoint,
                version=said["version"],
                steps=said["steps"],
                settings={"group": said["group"]},
            )
            address = reverse("admin:serving_rollout_change", args=[made.pk])
            return Done("The rollout is planned: look at its thresholds, then start it.", address)

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"Which version shall take over {endpoint.name}?",
                "It gets a growing share of the traffic, and is taken back by itself when it does harm.",
                "Plan",
                version_form(endpoint, StepsForm, GroupForm),
            ),
            act,
        )

    @action(description="Canary", url_path="canary", permissions=["deploy"], icon="science")
    def add_canary(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a version and its share, then let it answer that share."""
        return self._add(request, object_id, Deployment.Role.CANARY, WeightForm, GroupForm)

    @action(description="Shadow", url_path="shadow", permissions=["deploy"], icon="visibility_off")
    def add_shadow(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a version, then let it answer for the log only."""
        return self._add(request, object_id, Deployment.Role.SHADOW, GroupForm)

    def _add(
        self,
        request: HttpRequest,
        object_id: str,
        role: Deployment.Role,
        *asked: type[forms.Form],
    ) -> HttpResponse:
        def act(endpoint: Endpoint, said: Mapping[str, Any]) -> str:
            made = services.start_deployment(
                principal=self.principal(request, endpoint.project),
                endpoint=endpoint,
                role=role,
                **said,
            )
            return f"{made.model_version} is at work as {role.label.lower()} within a second."

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"Which version shall be a {role.label.lower()} of {endpoint.name}?",
                "A canary answers its share of the callers; a shadow answers for the log only.",
                "Start",
                version_form(endpoint, *asked),
            ),
            act,
        )

    @action(description="Fall back", url_path="fall-back", permissions=["deploy"], icon="emergency")
    def fall_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what shall stand in for the champion, then let it answer."""

        def act(endpoint: Endpoint, said: Mapping[str, Any]) -> str:
            active: list[Deployment] = getattr(endpoint, "active", [])
            classes = active[0].model_version.signature.get("classes") if active else None
            services.fall_back(
                principal=self.principal(request, endpoint.project),
                endpoint=endpoint,
                fallback=said["fallback"],
                value=constant_of(said["value"], classes) if said["value"] else None,
                reason=said["reason"],
            )
            return f"'{endpoint.name}' answers in the emergency's way within a second."

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"What shall answer at {endpoint.name}?",
                "Until it is started again, the champion answers nobody; rollouts are paused.",
                "Fall back",
                FallBackForm,
                is_danger=True,
            ),
            act,
        )

    @action(description="Stop", url_path="stop", permissions=["deploy"], icon="stop_circle")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then refuse predictions from now on."""

        def act(endpoint: Endpoint, _: Mapping[str, Any]) -> str:
            services.stop_endpoint(
                principal=self.principal(request, endpoint.project), endpoint=endpoint
            )
            return f"'{endpoint.name}' refuses predictions within a second."

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"Stop {endpoint.name}?",
                "Whoever asks it for predictions is refused (503) until it is started again.",
                "Stop",
                is_danger=True,
            ),
            act,
        )

    @action(description="Start", url_path="start", permissions=["deploy"], icon="play_circle")
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then answer predictions again."""

        def act(endpoint: Endpoint, _: Mapping[str, Any]) -> str:
            services.start_endpoint(
                principal=self.principal(request, endpoint.project), endpoint=endpoint
            )
            return f"'{endpoint.name}' answers within a second."

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"Start {endpoint.name}?",
                f"It answers with the champion of {endpoint.model} again.",
                "Start",
            ),
            act,
        )

    @action(description="Roll back", url_path="roll-back", permissions=["deploy"], icon="undo")
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then serve the previous champion again."""

        def act(endpoint: Endpoint, said: Mapping[str, Any]) -> str:
            deployment = services.roll_back_endpoint(
                principal=self.principal(request, endpoint.project),
                endpoint=endpoint,
                reason=said["reason"] or "rolled back in the admin",
            )
            return f"{deployment.model_version} is champion again."

        return self.ask(
            request,
            object_id,
            lambda endpoint: Question(
                f"Roll {endpoint.name} back?",
                f"The previous champion of {endpoint.model} becomes champion again and answers "
                "within a second. A second roll back undoes this one.",
                "Roll back",
                ReasonForm,
                is_danger=True,
            ),
            act,
        )

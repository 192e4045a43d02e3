"""Registered models in the admin: versions, gates, aliases and their history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseForm, BaseFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.policy import Permission
from accounts.selectors import principal_in_project
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from models_registry import services
from models_registry.admin.parts import alias_badges, version_link
from models_registry.forms import GateForm, ReasonForm, RegisteredModelForm, offer_metrics
from models_registry.models import Alias, AliasMove, Gate, ModelVersion, RegisteredModel
from models_registry.selectors import (
    CHAMPION,
    PREVIOUS,
    known_metrics,
    models_with_aliases,
    with_gates_and_aliases,
)
from models_registry.version_report import headline_metric


class _LookedAtInline(ReadOnlyAdminMixin, TabularInline):  # type: ignore[misc]
    """Rows on the page of their model, which has checked who looks."""

    extra = 0
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


class VersionInline(_LookedAtInline):
    """The versions, newest first."""

    model = ModelVersion
    verbose_name_plural = "versions"
    per_page = 20
    fields = (
        "version",
        "state",
        "verdict",
        "names",
        "quality",
        "estimator",
        "runtime",
        "created_at",
    )
    readonly_fields = fields
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return with_gates_and_aliases(super().get_queryset(request)).defer(
            "signature", "runtime_report", "spec", "environment"
        )

    @display(description="Version")
    def version(self, version: ModelVersion) -> SafeString | str:
        return version_link(version, f"v{version.number}")

    @display(description="Status")
    def state(self, version: ModelVersion) -> SafeString:
        return badge(version.status)

    @display(description="Validation")
    def verdict(self, version: ModelVersion) -> SafeString:
        return badge(version.validation)

    @display(description="Aliases")
    def names(self, version: ModelVersion) -> SafeString | str:
        return alias_badges(alias.name for alias in version.aliases.all())

    @display(description="Quality")
    def quality(self, version: ModelVersion) -> str:
        return headline_metric(version)


class AliasMoveInline(_LookedAtInline):
    """The moves of all aliases, newest first."""

    model = AliasMove
    verbose_name_plural = "history of aliases"
    per_page = 10
    fields = ("at", "label", "came_from", "went_to", "reason", "who")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AliasMove]:
        queryset: QuerySet[AliasMove] = super().get_queryset(request)
        return queryset.select_related("from_version__model", "to_version__model")

    @display(description="Alias")
    def label(self, move: AliasMove) -> SafeString:
        return badge(move.name)

    @display(description="From")
    def came_from(self, move: AliasMove) -> SafeString | str:
        return version_link(move.from_version)

    @display(description="To")
    def went_to(self, move: AliasMove) -> SafeString | str:
        return version_link(move.to_version)

    @display(description="By")
    def who(self, move: AliasMove) -> str:
        return move.moved_by_name


class GateInline(TabularInline):  # type: ignore[misc]
    """The conditions of the model; they judge from the next evaluation on."""

    model = Gate
    form = GateForm
    extra = 0
    hide_title = True

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        if obj is not None and "metric" in formset.form.base_fields:
            present = {gate.metric for gate in obj.gates.all() if gate.metric}
            offer_metrics(formset.form, sorted({*known_metrics(obj), *present}))
        return formset

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the page of the model has checked who looks

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit(request, obj)

    def _may_edit(self, request: HttpRequest, obj: RegisteredModel | None) -> bool:
        if obj is None:
            return False
        return principal_in_project(cast("Any", request.user), obj.project).may(Permission.EDIT)


@admin.register(RegisteredModel)
class RegisteredModelAdmin(AskingAdminMixin, ModelAdmin):
    """Named lines of model versions."""

    form = RegisteredModelForm
    list_display = (
        "name",
        "project",
        "champion",
        "other_aliases",
        "versions",
        "requires_approval",
        "created_at",
    )
    list_filter = ("project", "requires_approval")
    search_fields = ("name", "description")
    inlines = (VersionInline, GateInline, AliasMoveInline)
    actions_detail: ClassVar[list[str]] = ["roll_back"]
    readonly_fields = ("name", "project", "aliases", "created_by", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "aliases", "description", "requires_approval")}),
        ("Particulars", {"fields": ("project", "created_by", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisteredModel]:
        return models_with_aliases(super().get_queryset(request))

    def get_readonly_fields(
        self, request: HttpRequest, obj: RegisteredModel | None = None
    ) -> tuple[str, ...]:
        if obj is not None and not self.may(request, obj.project, Permission.ADMIN):
            return (*self.readonly_fields, "requires_approval")
        return self.readonly_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # training makes models

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        return self.may(request, obj.project, Permission.EDIT)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refuses as a message on the form."""
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def save_model(
        self, request: HttpRequest, obj: RegisteredModel, form: ModelForm[Any], change: bool
    ) -> None:
        """Change through the service, which checks the role and writes the audit."""
        services.update_model(
            principal=self.principal(request, obj.project),
            model=obj,
            description=form.cleaned_data.get("description"),
            requires_approval=form.cleaned_data.get("requires_approval"),
        )

    def save_formset(
        self, request: HttpRequest, form: BaseForm, formset: BaseFormSet[Any], change: bool
    ) -> None:
        """Write the gates that were added, changed or removed, each through its service."""
        rows = cast("Any", formset)
        rows.save(commit=False)
        if rows.model is not Gate:
            return
        model = cast("RegisteredModel", rows.instance)
        principal = self.principal(request, model.project)
        for gate in rows.deleted_objects:
            services.remove_gate(principal=principal, gate=gate)
        for gate, _ in rows.changed_objects:
            services.change_gate(
                principal=principal,
                gate=gate,
                metric=gate.metric,
                comparison=gate.comparison,
                threshold=gate.threshold,
                required=gate.required,
                enabled=gate.enabled,
            )
        for gate in rows.new_objects:
            services.add_gate(
                principal=principal,
                model=model,
                kind=gate.kind,
                metric=gate.metric,
                comparison=gate.comparison,
                threshold=gate.threshold,
                required=gate.required,
                enabled=gate.enabled,
            )

    @display(description="Champion")
    def champion(self, model: RegisteredModel) -> SafeString | str:
        found = next((one for one in model.aliases.all() if one.name == CHAMPION), None)
        return version_link(found.version, f"v{found.version.number}") if found else "–"

    @display(description="Other aliases")
    def other_aliases(self, model: RegisteredModel) -> SafeString | str:
        return _pointers(one for one in model.aliases.all() if one.name != CHAMPION)

    @display(description="Aliases")
    def aliases(self, model: RegisteredModel) -> SafeString | str:
        return _pointers(sorted(model.aliases.all(), key=lambda one: one.name != CHAMPION))

    @display(description="Versions", ordering="version_count")
    def versions(self, model: RegisteredModel) -> int:
        return int(cast("Any", model).version_count)

    def offered(self, request: HttpRequest, row: RegisteredModel) -> Collection[str]:
        return ("roll_back",) if any(one.name == PREVIOUS for one in row.aliases.all()) else ()

    @action(description="Roll back", url_path="roll-back", permissions=["deploy"], icon="undo")
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make the previous champion champion again."""

        def act(model: RegisteredModel, said: Mapping[str, Any]) -> str:
            alias = services.rollback(
                principal=self.principal(request, model.project),
                model=model,
                reason=said["reason"] or "rolled back in the admin",
            )
            return f"{alias.version} is champion again; endpoints follow within half a minute."

        def question(model: RegisteredModel) -> Question:
            numbers = {one.name: one.version.number for one in model.aliases.all()}
            return Question(
                f"Roll {model} back?",
                f"Version {numbers.get(PREVIOUS, '–')} becomes champion instead of version "
                f"{numbers.get(CHAMPION, '–')}. A second roll back undoes this one.",
                "Roll back",
                ReasonForm,
                is_danger=True,
            )

        return self.ask(request, object_id, question, act)


def _pointers(aliases: Any) -> SafeString | str:
    """Return aliases as badges, each with a link to its version."""
    pieces = (
        format_html("{} {}", badge(one.name), version_link(one.version, f"v{one.version.number}"))
        for one in aliases
        if isinstance(one, Alias)
    )
    return (
        format_html_join(
            " ",
            '<span class="inline-block mr-3 whitespace-nowrap">{}</span>',
            ((one,) for one in pieces),
        )
        or "–"
    )

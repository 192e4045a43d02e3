"""Aliases, their moves and gate results: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from models_registry.admin.parts import in_one_line, verdict_badge, version_link
from models_registry.models import Alias, AliasMove, GateResult
from models_registry.version_report import gate_line


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Names that point at versions now."""

    project_lookup = "model__project"
    list_display = ("label", "model", "points_at", "updated_at")
    list_filter = ("name", "model")
    list_select_related = ("model", "version__model")
    fields = ("label", "model", "points_at", "updated_at")

    @display(description="Alias", ordering="name")
    def label(self, alias: Alias) -> SafeString:
        return badge(alias.name)

    @display(description="Version")
    def points_at(self, alias: Alias) -> SafeString | str:
        return version_link(alias.version)


@admin.register(AliasMove)
class AliasMoveAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Every move of every alias."""

    project_lookup = "model__project"
    list_display = ("at", "label", "model", "came_from", "went_to", "reason", "who")
    list_filter = ("name", "model")
    search_fields = ("reason", "moved_by_name")
    list_select_related = ("model", "from_version__model", "to_version__model")
    fields = ("at", "label", "model", "came_from", "went_to", "reason", "who")

    @display(description="Alias", ordering="name")
    def label(self, move: AliasMove) -> SafeString:
        return badge(move.name)

    @display(description="From")
    def came_from(self, move: AliasMove) -> SafeString | str:
        return version_link(move.from_version)

    @display(description="To")
    def went_to(self, move: AliasMove) -> SafeString | str:
        return version_link(move.to_version)

    @display(description="By", ordering="moved_by_name")
    def who(self, move: AliasMove) -> str:
        return move.moved_by_name


@admin.register(GateResult)
class GateResultAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """What gates said about versions, frozen with the threshold of that moment."""

    project_lookup = "version__model__project"
    list_display = ("at", "about", "verdict", "name", "shown_value", "reason", "is_current")
    list_filter = ("passed", "is_current", "kind", "version__model")
    list_select_related = ("version__model",)
    ordering = ("-at", "id")
    fieldsets = (
        (None, {"fields": ("about", "verdict", "name", "shown_value", "threshold", "reason")}),
        (
            "Particulars",
            {"fields": ("kind", "metric", "comparison", "required", "is_current", "at", "detail")},
        ),
    )

    @display(description="Version")
    def about(self, result: GateResult) -> SafeString | str:
        return version_link(result.version)

    @display(description="Verdict", ordering="passed")
    def verdict(self, result: GateResult) -> SafeString:
        return verdict_badge(gate_line(result).state)

    @display(description="Value", ordering="value")
    def shown_value(self, result: GateResult) -> SafeString:
        return in_one_line(gate_line(result).value)

"""Sharing in the admin: the grants on a dataset's page, and all grants of one's projects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from datasets import services
from datasets.models import DatasetGrant, GrantLevel

_TONES = {"live": "live", "expired": "expired", "revoked": "stopped"}


class ShareForm(forms.Form):
    """With whom to share a dataset, how far, and until when."""

    project = forms.CharField(
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="The short name (slug) of the project that may use the dataset.",
    )
    level = forms.ChoiceField(choices=GrantLevel.choices, widget=UnfoldAdminSelectWidget)
    expires_at = forms.DateTimeField(
        required=False,
        label="Until",
        widget=UnfoldAdminSingleDateWidget,
        help_text="The beginning of this day (UTC). Empty: for ever.",
    )
    note = forms.CharField(max_length=500, required=False, widget=UnfoldAdminTextInputWidget)


def grant_badge(grant: DatasetGrant) -> SafeString:
    """Return whether a grant is in force."""
    return badge(_TONES[grant.state], grant.state)


class GrantInline(ReadOnlyAdminMixin, TabularInline):  # type: ignore[misc]
    """The projects that may use a dataset, and those that might."""

    model = DatasetGrant
    fk_name = "dataset"
    extra = 0
    verbose_name_plural = "shared with"
    fields = ("project", "level", "state", "expires_at", "note", "granted_by", "granted_at")
    readonly_fields = fields
    hide_title = True
    show_change_link = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the page of the dataset leaves this part away for all but the owner's members

    @display(description="State")
    def state(self, grant: DatasetGrant) -> SafeString:
        return grant_badge(grant)


@admin.register(DatasetGrant)
class DatasetGrantAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
    """What is shared, from whom, with whom."""

    project_lookup = "dataset__project"
    list_display = ("dataset", "owner", "project", "level", "state", "expires_at", "granted_at")
    list_filter = ("level",)
    search_fields = ("dataset__name", "project__slug", "note")
    actions_detail: ClassVar[list[str]] = ["revoke"]
    fieldsets = (
        (None, {"fields": ("dataset", "owner", "project", "level", "state", "expires_at", "note")}),
        ("History", {"fields": ("granted_by", "granted_at", "revoked_by", "revoked_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatasetGrant]:
        mine = visible_projects(cast("User", request.user))
        return (
            DatasetGrant.objects.filter(Q(dataset__project__in=mine) | Q(project__in=mine))
            .select_related("dataset__project", "project", "granted_by", "revoked_by")
            .order_by("-id")
        )

    def offered(self, request: HttpRequest, row: DatasetGrant) -> Collection[str]:
        return () if row.revoked_at is not None else ("revoke",)

    @display(description="Owner", ordering="dataset__project")
    def owner(self, grant: DatasetGrant) -> str:
        return grant.dataset.project.slug

    @display(description="State")
    def state(self, grant: DatasetGrant) -> SafeString:
        return grant_badge(grant)

    @action(description="Revoke", url_path="revoke", permissions=["administer"], icon="block")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take the grant back."""

        def act(row: DatasetGrant, _: Mapping[str, Any]) -> str:
            services.revoke_grant(
                principal=self.principal(request, self.project_of(row)), grant=row
            )
            return f"{row.project} can no longer use {row.dataset}."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                f"Stop sharing {row.dataset} with {row.project}?",
                "The dataset is out of its reach at once. Models that were trained on it stay, and "
                "keep naming it.",
                "Revoke",
                is_danger=True,
            ),
            act,
        )

"""Projects, members, tokens, users and the audit trail in the admin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.forms import ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import services
from accounts.admin_asking import AskingAdminMixin, Question
from accounts.models import ApiToken, AuditEvent, Membership, Project, Scope
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from core.clock import now

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg, misc]
    """People who sign in."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Django's groups."""


class MembershipInline(TabularInline):  # type: ignore[misc]
    """The members of a project."""

    model = Membership
    extra = 0
    tab = True


@admin.register(Project)
class ProjectAdmin(ModelAdmin):
    """Projects and their members (for superusers)."""

    list_display = ("name", "slug", "members", "created_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012
    inlines = (MembershipInline,)

    @display(description="Members")
    def members(self, project: Project) -> int:
        return project.memberships.count()


class TokenForm(ModelForm):  # type: ignore[type-arg]
    """A new token: for whom, where, for what, until when."""

    scopes = MultipleChoiceField(
        choices=Scope.choices,
        initial=[Scope.READ, Scope.PREDICT],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiToken
        fields = ("name", "project", "user", "scopes", "expires_at")


@admin.register(ApiToken)
class ApiTokenAdmin(AskingAdminMixin, ModelAdmin):
    """API tokens; the secret is shown once, when a token is made."""

    form = TokenForm
    list_display = ("name", "prefix", "project", "user", "state", "created_at", "expires_at")
    list_filter = ("project",)
    actions_detail = ("revoke",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    @display(description="State")
    def state(self, token: ApiToken) -> SafeString:
        if token.revoked_at is not None:
            return badge("stopped", "revoked")
        if token.expires_at is not None and token.expires_at <= now():
            return badge("expired")
        return badge("live")

    def save_model(
        self, request: HttpRequest, obj: ApiToken, form: ModelForm[ApiToken], change: bool
    ) -> None:
        token, secret = services.create_token(
            user=obj.user,
            project=obj.project,
            name=obj.name,
            scopes=form.cleaned_data["scopes"],
            expires_at=obj.expires_at,
        )
        obj.pk = token.pk
        obj.prefix = token.prefix
        messages.warning(request, f"The token, shown this once only: {secret}")

    def offered(self, request: HttpRequest, row: ApiToken) -> Collection[str]:
        return () if row.revoked_at is not None else ("revoke",)

    @action(description="Revoke", url_path="revoke", permissions=["administer"], icon="key_off")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make the token useless from now on."""

        def act(token: ApiToken, _: Mapping[str, Any]) -> str:
            services.revoke_token(principal=self.principal(request, token.project), token=token)
            return f"The token {token.prefix}… was revoked."

        return self.ask(
            request,
            object_id,
            lambda token: Question(
                f"Revoke the token {token}?",
                f"Whatever {token.user} runs with it is refused within a second, for good.",
                "Revoke",
                is_danger=True,
            ),
            act,
        )


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """The audit trail: looked at, never changed."""

    list_display = ("at", "actor_name", "action", "target_type", "target_id", "summary")
    list_filter = ("action", "project")
    search_fields = ("actor_name", "action", "target_id", "summary")
    date_hierarchy = "at"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        queryset: QuerySet[AuditEvent] = super().get_queryset(request)
        return queryset.select_related("project")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(cast("Any", request.user).is_superuser)

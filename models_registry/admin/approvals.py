"""Approvals in the admin: asked for by one person, decided by another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from models_registry import services
from models_registry.admin.parts import version_link
from models_registry.forms import CommentForm
from models_registry.models import ApprovalRequest


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
    """Promotions that wait for a second person."""

    project_lookup = "version__model__project"
    list_display = ("about", "state", "requested_by", "why", "decided_by", "created_at")
    list_filter = ("status", "version__model")
    search_fields = ("version__model__name", "requested_by__username", "comment")
    actions_detail: ClassVar[list[str]] = ["approve", "reject", "withdraw"]
    fieldsets = (
        (None, {"fields": ("about", "state", "requested_by", "comment", "created_at")}),
        ("Decision", {"fields": ("decided_by", "decision_comment", "decided_at")}),
        ("Bound to", {"fields": ("validation", "artifact_digest")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRequest]:
        queryset: QuerySet[ApprovalRequest] = super().get_queryset(request)
        return queryset.select_related("version__model__project", "requested_by", "decided_by")

    def offered(self, request: HttpRequest, row: ApprovalRequest) -> Collection[str]:
        if row.status != ApprovalRequest.Status.OPEN:
            return ()
        is_mine = row.requested_by_id == request.user.pk
        return ("withdraw",) if is_mine else ("approve", "reject")

    @display(description="Version", ordering="version")
    def about(self, request: ApprovalRequest) -> SafeString | str:
        return version_link(request.version)

    @display(description="Status", ordering="status")
    def state(self, request: ApprovalRequest) -> SafeString:
        shown = "pending" if request.status == ApprovalRequest.Status.OPEN else request.status
        return badge(shown, request.get_status_display())

    @display(description="Comment")
    def why(self, request: ApprovalRequest) -> str:
        text = request.comment
        return text if len(text) <= 80 else f"{text[:79]}…"

    @display(description="Validation")
    def validation(self, request: ApprovalRequest) -> SafeString:
        return badge(request.version.validation)

    @action(description="Approve", url_path="approve", permissions=["deploy"], icon="check")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let the version be promoted."""
        return self._decide(request, object_id, approve=True)

    @action(description="Reject", url_path="reject", permissions=["deploy"], icon="close")
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then refuse the promotion."""
        return self._decide(request, object_id, approve=False)

    def _decide(self, request: HttpRequest, object_id: str, *, approve: bool) -> HttpResponse:
        def act(row: ApprovalRequest, said: Mapping[str, Any]) -> str:
            decided = services.decide_approval(
                principal=self.principal(request, self.project_of(row)),
                request=row,
                approve=approve,
                comment=said["comment"],
            )
            return f"{row.version} is {decided.status}."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                title=f"{'Approve' if approve else 'Reject'} {row.version}?",
                text=f"{row.requested_by} asks that it may become champion."
                + (f" “{row.comment}”" if row.comment else ""),
                button="Approve" if approve else "Reject",
                form=CommentForm,
                is_danger=not approve,
            ),
            act,
        )

    @action(description="Withdraw", url_path="withdraw", permissions=["edit"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take one's own request back."""

        def act(row: ApprovalRequest, _: Mapping[str, Any]) -> str:
            services.withdraw_approval(
                principal=self.principal(request, self.project_of(row)), request=row
            )
            return "The request was withdrawn."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                f"Withdraw the request for {row.version}?", "Nobody has decided it yet.", "Withdraw"
            ),
            act,
        )

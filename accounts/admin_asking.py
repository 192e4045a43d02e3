"""Actions that ask for a word before they act, and buttons that are there only when they can be used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.admin_access import ProjectAdminMixin
from accounts.models import Project
from accounts.policy import Permission
from core.errors import DomainError
from core.forms import show_refusal


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before an action.

    Attributes
    ----------
    form
        What is to be filled in; None when yes or no will do.
    is_danger
        Whether the button is red.
    """

    title: str
    text: str
    button: str
    form: type[forms.Form] | None = None
    is_danger: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What an action says when it has acted, and the address of the page that follows."""

    said: str
    address: str


class AskingAdminMixin(ProjectAdminMixin):
    """Detail actions by role (``permissions=["edit"]`` …) and by the row's state (``offered``)."""

    opts: Any
    admin_site: Any

    def project_of(self, row: Any) -> Project:
        """Return the project that a row belongs to: what ``project_lookup`` leads to."""
        found = row
        for name in self.project_lookup.split("__"):
            found = getattr(found, name)
        project: Project = found
        return project

    def offered(self, request: HttpRequest, row: Any) -> Collection[str]:
        """Return the names of the actions that make sense for a row as it is; all, unless a page knows better."""
        names: list[str] = []
        for one in getattr(self, "actions_detail", ()):
            names += one["items"] if isinstance(one, dict) else [one]  # a menu holds several
        return names

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Keep the buttons whose action makes sense now."""
        row = self._row(request, object_id)
        if row is None:
            return []
        names = {
            f"{self.opts.app_label}_{self.opts.model_name}_{name}"
            for name in self.offered(request, row)
        }
        actions: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [one for one in actions if one.action_name in names]

    def has_edit_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_do(request, object_id, Permission.EDIT)

    def has_deploy_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_do(request, object_id, Permission.DEPLOY)

    def has_administer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_do(request, object_id, Permission.ADMIN)

    def _may_do(self, request: HttpRequest, object_id: Any, permission: Permission) -> bool:
        row = self._row(request, object_id)
        return row is not None and self.may(request, self.project_of(row), permission)

    def _row(self, request: HttpRequest, object_id: Any) -> Any:
        """Return a row that the user may see; looked up once for all buttons of a page."""
        if object_id is None:
            return None
        seen: dict[str, Any] = request.__dict__.setdefault("asked_rows", {})
        key = f"{self.opts.label_lower}:{object_id}"
        if key not in seen:
            queryset: QuerySet[Any] = self.get_queryset(request)
            try:
                seen[key] = queryset.filter(pk=object_id).first()
            except (ValueError, ValidationError):  # an address that somebody made up
                seen[key] = None
        return seen[key]

    def ask(
        self,
        request: HttpRequest,
        object_id: str,
        question: Callable[[Any], Question],
        act: Callable[[Any, Mapping[str, Any]], str | Done],
    ) -> HttpResponse:
        """Show the question; on a yes, act and say what was done, or what was refused and why.

        Parameters
        ----------
        act
            Takes the row and what was filled in, and returns the sentence that is shown; the row's
            page follows, unless a :class:`Done` names another.
        """
        row = get_object_or_404(self.get_queryset(request), pk=object_id)
        asked = question(row)
        form = (asked.form or forms.Form)(request.POST if request.method == "POST" else None)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        if request.method == "POST" and form.is_valid():
            try:
                outcome = act(row, form.cleaned_data)
            except DomainError as refusal:
                show_refusal(form, refusal)
            else:
                done = outcome if isinstance(outcome, Done) else Done(outcome, back)
                messages.success(request, done.said)
                return redirect(done.address)
        return TemplateResponse(
            request,
            "admin/ask.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": row,
                "title": asked.title,
                "question": asked,
                "form": form,
                "back": back,
            },
        )

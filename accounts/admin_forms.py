"""Rows that are asked for: a form on a page of its own, and a service that has the last word."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.admin_access import ProjectAdminMixin
from accounts.admin_asking import Done
from accounts.models import Project
from accounts.selectors import visible_projects
from core.errors import DomainError, FieldError
from core.forms import show_refusal


class FormPageMixin(ProjectAdminMixin):
    """Makes the page for adding a row one for asking a service for it."""

    opts: Any
    admin_site: Any
    form_title: str
    form_button: str
    form_text = ""
    form_template = "admin/form_page.html"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.has_module_permission(request)

    def asking_form(self, request: HttpRequest, projects: list[Project]) -> forms.Form:
        """Return the form: bound to what was sent, or as it begins."""
        raise NotImplementedError

    def ask_service(self, request: HttpRequest, form: Any) -> Done:
        """Ask for what the valid form says; what is refused is raised."""
        raise NotImplementedError

    def complaint(self, error: FieldError) -> tuple[str, str]:
        """Return the field that shows a complaint, and its words."""
        return error.field.partition(".")[0], error.message

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, and ask the service; what is refused is said beside its field."""
        form = self.asking_form(request, list(visible_projects(cast("User", request.user))))
        if request.method == "POST" and form.is_valid():
            try:
                done = self.ask_service(request, form)
            except DomainError as refusal:
                show_refusal(form, refusal, self.complaint)
            else:
                messages.success(request, done.said)
                return redirect(done.address)
        context = {
            **self.admin_site.each_context(request),
            "title": self.form_title,
            "opts": self.opts,
            "form": form,
            "text": self.form_text,
            "button": self.form_button,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return TemplateResponse(request, self.form_template, context)

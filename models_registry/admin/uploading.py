"""The page that takes in a model that was made elsewhere."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.selectors import visible_projects
from core.errors import DomainError
from jobs.models import Job
from models_registry import services
from models_registry.forms import UploadModelForm


class UploadModelAdminMixin:
    """Makes the page for adding a version one for sending a file."""

    opts: Any
    admin_site: Any

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return bool(self.has_module_permission(request))  # type: ignore[attr-defined]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, and take the file; what is refused is said beside its field."""
        projects = list(visible_projects(cast("User", request.user)))
        form = UploadModelForm(request.POST or None, request.FILES or None, projects=projects)
        if request.method == "POST" and form.is_valid():
            job = self._take(request, form)
            if job is not None:
                messages.success(request, f"{form.cleaned_data['file'].name} is being looked at.")
                return redirect(reverse("admin:jobs_job_change", args=[job.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload a model",
            "opts": self.opts,
            "form": form,
            "button": "Upload",
            "back": reverse("admin:models_registry_modelversion_changelist"),
        }
        return TemplateResponse(request, "admin/form_page.html", context)

    def _take(self, request: HttpRequest, form: UploadModelForm) -> Job | None:
        try:
            principal = self.principal(request, form.cleaned_data["project"])  # type: ignore[attr-defined]
            return services.upload_model(principal=principal, **form.request())
        except DomainError as refusal:
            complaints = [
                (one.field.partition(".")[0], _said(one.field, one.message))
                for one in refusal.errors
            ]
            for field, text in complaints or [("", refusal.message)]:
                form.add_error(field if field in form.fields else None, text)
            return None


def _said(field: str, message: str) -> str:
    """Return a complaint for the form; one about a part of the signature says which."""
    return f"{field}: {message}" if field.startswith("signature.") else message

"""The page that takes in a model that was made elsewhere."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from accounts.admin_asking import Done
from accounts.admin_forms import FormPageMixin
from accounts.models import Project
from core.errors import FieldError
from models_registry import services
from models_registry.forms import UploadModelForm


class UploadModelAdminMixin(FormPageMixin):
    """Makes the page for adding a version one for sending a file."""

    form_title = "Upload a model"
    form_button = "Upload"

    def asking_form(self, request: HttpRequest, projects: list[Project]) -> UploadModelForm:
        return UploadModelForm(request.POST or None, request.FILES or None, projects=projects)

    def ask_service(self, request: HttpRequest, form: UploadModelForm) -> Done:
        principal = self.principal(request, form.cleaned_data["project"])
        job = services.upload_model(principal=principal, **form.request())
        return Done(
            f"{form.cleaned_data['file'].name} is being looked at.",
            reverse("admin:jobs_job_change", args=[job.pk]),
        )

    def complaint(self, error: FieldError) -> tuple[str, str]:
        """Say of a complaint about a part of the signature which."""
        field = error.field.partition(".")[0]
        if error.field.startswith("signature."):
            return field, f"{error.field}: {error.message}"
        return field, error.message

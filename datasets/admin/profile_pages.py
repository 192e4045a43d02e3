"""The page of a version's deep profile."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from core.admin import refusals_as_messages
from datasets import services
from datasets.errors import GrantNotEnough
from datasets.models import DatasetVersion, Use, VersionProfile
from datasets.presentation import column_cards
from datasets.profile_page import profile_page
from datasets.schema import Role, Schema


class ProfilePageMixin:
    """Adds the page "Profile" to the admin of versions; a POST there asks for a measurement."""

    admin_site: Any
    opts: Any

    @action(description="Profile", url_path="profile", icon="analytics")
    @refusals_as_messages
    def deep_profile(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what was measured; measure (again) on a POST."""
        page: Any = self
        version = get_object_or_404(page.get_queryset(request), pk=object_id)
        if not page._usable(request, Use.READ).filter(pk=version.dataset_id).exists():
            raise GrantNotEnough("The dataset is shared for training only: no rows are shown.")
        if request.method == "POST":
            job = services.profile_version(
                principal=page.principal(request, version.dataset.project),
                version=version,
                target=request.POST.get("target") or None,
            )
            messages.success(request, f"{job.title}: the measurement was asked for.")
            return redirect(request.path)
        return TemplateResponse(
            request,
            "admin/datasets/profile.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": version,
                "title": f"Profile of {version}",
                "back": reverse("admin:datasets_datasetversion_change", args=[version.pk]),
                "may_measure": version.has_rows and page.has_edit_permission(request, object_id),
                **_content(version),
            },
        )


def _content(version: DatasetVersion) -> dict[str, Any]:
    schema = Schema.from_dict(version.schema)
    target = next((column.name for column in schema if column.role is Role.TARGET), "")
    profile = VersionProfile.objects.select_related("job").filter(version=version).first()
    job = None if profile is None else profile.job
    is_measured = profile is not None and bool(profile.document)
    return {
        "profile": profile,
        "page": profile_page(profile.document) if profile is not None and is_measured else None,
        "busy": job if job is not None and not job.is_final else None,
        "failed": job if job is not None and job.error_message else None,
        "cards": column_cards(version.schema, version.profile),
        "columns": schema.names,
        "default_target": f"the target by its role: {target}" if target else "none",
        "chosen": "" if profile is None else profile.target,
    }

"""Datasets: the list, the page, upload and deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Done, Question
from accounts.models import Project
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.admin.checks import SuggestionsPageMixin
from datasets.admin.parts import version_link
from datasets.admin.retention import CompactionMixin
from datasets.admin.schemas import SchemaPagesMixin
from datasets.admin.sharing import GrantInline, ShareForm
from datasets.admin.sql_pages import SqlPagesMixin
from datasets.forms import DatasetForm, UploadForm
from datasets.models import Dataset, DatasetVersion, GrantLevel
from datasets.presentation import size_text
from datasets.selectors import datasets_usable_in, datasets_with_counts, with_grants


class VersionInline(ReadOnlyAdminMixin, TabularInline):  # type: ignore[misc]
    """The versions of a dataset, newest first."""

    model = DatasetVersion
    fk_name = "dataset"
    extra = 0
    verbose_name_plural = "versions"
    fields = ("version", "state", "row_count", "size", "digest", "file", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the page of the dataset has checked who looks

    @display(description="Version")
    def version(self, version: DatasetVersion) -> SafeString | str:
        return version_link(version.pk, f"v{version.number}")

    @display(description="Status")
    def state(self, version: DatasetVersion) -> SafeString:
        return badge(version.status)

    @display(description="Size")
    def size(self, version: DatasetVersion) -> str:
        return size_text(version.size_bytes)

    @display(description="SHA-256")
    def digest(self, version: DatasetVersion) -> str:
        return version.sha256[:12] or "–"

    @display(description="Source")
    def file(self, version: DatasetVersion) -> str:
        return str(version.source.get("filename") or version.source.get("kind") or "–")


@admin.register(Dataset)
class DatasetAdmin(
    SuggestionsPageMixin,
    CompactionMixin,
    SqlPagesMixin,
    SchemaPagesMixin,
    AskingAdminMixin,
    ModelAdmin,
):
    """Named tables of the lake."""

    form = DatasetForm
    list_display = (
        "name",
        "project",
        "sharing",
        "latest",
        "rows",
        "versions",
        "created_by",
        "created_at",
    )
    list_filter = ("project",)
    search_fields = ("name", "description")
    list_select_related = ("project", "created_by")
    inlines = (VersionInline, GrantInline)
    actions_detail: ClassVar[list[Any]] = [
        "upload_file",
        "edit_schema",
        "dataset_checks",
        {
            "title": "More",
            "icon": "more_horiz",
            "items": ["at_moment", "share", "compact", "delete_dataset"],
        },
    ]
    actions_row: ClassVar[list[str]] = ["upload_file"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        user = cast("User", request.user)
        mine = list(visible_projects(user).values_list("pk", flat=True))
        shown = datasets_usable_in(mine, everything=user.is_superuser)
        # A superuser is a member of everything, and nothing is shared with them in particular.
        return with_grants(datasets_with_counts(shown), () if user.is_superuser else mine)

    def get_readonly_fields(self, request: HttpRequest, obj: Dataset | None = None) -> list[str]:
        return ["project", "checks_state"] if obj is not None else []

    def get_inlines(self, request: HttpRequest, obj: Dataset | None) -> tuple[Any, ...]:
        if obj is None:
            return ()
        mine = visible_projects(request.user).filter(pk=obj.project_id).exists()
        return self.inlines if mine else (VersionInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._editable_projects(request).exists()

    def has_change_permission(self, request: HttpRequest, obj: Dataset | None = None) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        return self.may(request, obj.project, Permission.EDIT)

    def has_delete_permission(self, request: HttpRequest, obj: Dataset | None = None) -> bool:
        return False  # the button on the page asks the service, which knows what is in use

    def has_edit_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the buttons that change something are shown."""
        if object_id is None:  # the buttons in the list
            return self.has_add_permission(request)
        return super().has_edit_permission(request, object_id)

    def _editable_projects(self, request: HttpRequest) -> QuerySet[Project]:
        projects = visible_projects(request.user)
        wanted = [p.pk for p in projects if self.may(request, p, Permission.EDIT)]
        return Project.objects.filter(pk__in=wanted)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "project":
            projects = self._editable_projects(request)
            kwargs["queryset"] = projects
            kwargs["initial"] = projects.first()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def save_model(
        self, request: HttpRequest, obj: Dataset, form: ModelForm[Dataset], change: bool
    ) -> None:
        principal = self.principal(request, obj.project)
        if change:
            services.update_dataset(
                principal=principal,
                dataset=obj,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
            )
            return
        made = services.create_dataset(
            principal=principal, name=obj.name, description=obj.description
        )
        obj.pk, obj.created_by, obj.created_at = made.pk, made.created_by, made.created_at
        obj._state.adding = False

    @display(description="Shared")
    def sharing(self, dataset: Dataset) -> SafeString | str:
        """How another project shares it."""
        level = cast("Any", dataset).grant_level
        return badge("acknowledged", GrantLevel(level).value) if level else "–"

    @display(description="Newest version")
    def latest(self, dataset: Dataset) -> SafeString | str:
        found = cast("Any", dataset)
        return version_link(found.latest_version_id, f"v{found.latest_version_number}")

    @display(description="Rows")
    def rows(self, dataset: Dataset) -> str:
        count = cast("Any", dataset).latest_row_count
        return "–" if count is None else f"{count:,}"

    @display(description="Versions")
    def versions(self, dataset: Dataset) -> int:
        return int(cast("Any", dataset).version_count)

    @action(description="Upload file", url_path="upload", permissions=["edit"], icon="upload")
    def upload_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the upload form, and take the file."""
        dataset = get_object_or_404(self.get_queryset(request), pk=object_id)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                job = services.upload_version(
                    principal=self.principal(request, dataset.project),
                    dataset=dataset,
                    file=file,
                    filename=file.name,
                    mode=form.cleaned_data["mode"],
                    options=form.options(),
                )
            except DomainError as error:
                form.add_error("file" if error.field == "file" else None, error.message)
            else:
                messages.success(request, f"{file.name} was accepted and is being ingested.")
                return redirect(reverse("admin:jobs_job_change", args=[job.pk]))
        return self._page(
            request,
            "admin/form_page.html",
            dataset,
            title=f"Upload to {dataset.name}",
            form=form,
            button="Upload",
        )

    @action(description="Share", url_path="share", permissions=["administer"], icon="share")
    def share(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask with whom and how far, then grant it."""

        def act(row: Dataset, said: Mapping[str, Any]) -> str:
            grant = services.grant_dataset(
                principal=self.principal(request, row.project), dataset=row, **said
            )
            return f"{grant.project} may use {row.name} ({grant.level})."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                f"Share {row.name} with another project",
                "View shows rows and profile, train only lets models learn from rows that are not "
                "shown, export allows both and downloads. A new grant replaces the project's former one.",
                "Share",
                form=ShareForm,
            ),
            act,
        )

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    def delete_dataset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete."""

        def act(dataset: Dataset, _: Mapping[str, Any]) -> Done:
            services.delete_dataset(
                principal=self.principal(request, dataset.project), dataset=dataset
            )
            return Done(
                f"The dataset {dataset.name} was deleted.",
                reverse("admin:datasets_dataset_changelist"),
            )

        question = "All versions of the dataset and their rows will be gone for good."
        return self.ask(
            request,
            object_id,
            lambda dataset: Question(f"Delete {dataset.name}?", question, "Delete", is_danger=True),
            act,
        )

    def _page(
        self, request: HttpRequest, template: str, dataset: Dataset, **context: Any
    ) -> HttpResponse:
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": dataset,
                "back": reverse("admin:datasets_dataset_change", args=[dataset.pk]),
                **context,
            },
        )

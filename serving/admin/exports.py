"""Exports in the admin: asked for on a page, downloaded from another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import Done, Question
from accounts.admin_forms import FormPageMixin
from accounts.admin_reports import ReportPageMixin
from accounts.models import Project
from accounts.policy import Permission
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, progress_bar, refusals_as_messages
from jobs.models import FINAL_STATUSES
from serving import services
from serving.archives import archive_response
from serving.export_page import export_page, size_text
from serving.forms import ExportForm
from serving.models import ModelExport
from serving.selectors.exports import archive_of, with_related


@admin.register(ModelExport)
class ModelExportAdmin(FormPageMixin, ReadOnlyAdminMixin, ReportPageMixin, ModelAdmin):
    """Model versions as files."""

    form_title = "Export a model version"
    form_button = "Export"
    form_text = (
        "A job makes the archive and tries it: the server is started and asked in every dialect, and its answers are "
        "put beside this site's own; a mobile model is loaded again and compared with scikit-learn. What does not pass "
        "is not given out."
    )
    list_display = ("name", "packed_as", "state", "progress", "size", "created_by", "created_at")
    list_filter = ("status", "kind", "model_version__model")
    search_fields = ("model_version__model__name", "digest")
    actions_detail: ClassVar[list[Any]] = ["download", "remove"]
    change_form_before_template = "admin/serving/export.html"
    fieldsets = (
        (
            "Particulars",
            {"fields": ("model_version", "kind", "server", "digest", "size", "job")},
        ),
        ("Asked for", {"fields": ("project", "created_by", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelExport]:
        return with_related(super().get_queryset(request))

    def asking_form(self, request: HttpRequest, projects: list[Project]) -> ExportForm:
        initial = {"model_version": request.GET.get("model_version")}
        return ExportForm(request.POST or None, projects=projects, initial=initial)

    def ask_service(self, request: HttpRequest, form: ExportForm) -> Done:
        version = form.cleaned_data["model_version"]
        export = services.export_model_version(
            principal=self.principal(request, version.model.project),
            model_version=version,
            kind=form.kind,
            server=form.server,
        )
        return Done(
            "The archive is being made and tried.",
            reverse("admin:serving_modelexport_change", args=[export.pk]),
        )

    def report_context(self, request: HttpRequest, row: ModelExport) -> dict[str, Any]:
        """Put what was tried before the particulars."""
        return {
            "export": row,
            "page": export_page(row),
            "state": badge(row.status),
            "again": f"{reverse('admin:serving_modelexport_add')}?model_version={row.model_version_id}",
        }

    def offered(self, request: HttpRequest, row: ModelExport) -> Collection[str]:
        """Return the download while there is an archive, and the deletion unless one is being made."""
        names = ["download"] if row.status == ModelExport.Status.READY else []
        is_done = row.job is None or row.job.status in FINAL_STATUSES
        return [*names, "remove"] if is_done else names

    def has_look_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_do(request, object_id, Permission.VIEW)

    @action(description="Download", url_path="download", permissions=["look"], icon="download")
    @refusals_as_messages
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the archive."""
        export = get_object_or_404(self.get_queryset(request), pk=object_id)
        return cast("HttpResponse", archive_response(archive_of(export)))

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete; the list is where one ends."""

        def act(export: ModelExport, _: Mapping[str, Any]) -> Done:
            services.delete_export(principal=self.principal(request, export.project), export=export)
            return Done(
                f"The export of {export.model_version} was deleted.",
                reverse("admin:serving_modelexport_changelist"),
            )

        return self.ask(
            request,
            object_id,
            lambda export: Question(
                f"Delete {export}?",
                "The archive and what was tried on it go. The model version stays, and can be exported again.",
                "Delete",
                is_danger=True,
            ),
            act,
        )

    @display(description="Export")
    def name(self, export: ModelExport) -> str:
        return str(export.model_version)

    @display(description="Form")
    def packed_as(self, export: ModelExport) -> str:
        what = export.get_kind_display()
        return f"{what}, {export.get_server_display()}" if export.server else what

    @display(description="Status")
    def state(self, export: ModelExport) -> SafeString:
        return badge(export.status)

    @display(description="Progress")
    def progress(self, export: ModelExport) -> SafeString | str:
        if export.status != ModelExport.Status.BUILDING or export.job is None:
            return "—"
        return progress_bar(export.job.progress, export.job.stage)

    @display(description="Size")
    def size(self, export: ModelExport) -> SafeString | str:
        if not export.size_bytes:
            return "—"
        return format_html(
            '<span class="whitespace-nowrap">{}</span>', size_text(export.size_bytes)
        )

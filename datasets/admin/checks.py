"""Checks in the admin: rows with a form for each kind, suggestions, results, and the waiver."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_asking import AskingAdminMixin, Done, Question
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.check_form import CheckForm, KindForm, kind_named
from datasets.models import DataCheck, Dataset, DatasetVersion, VersionBlock, VersionStatus
from datasets.schema import Schema
from datasets.selectors import active_schema, latest_ready_version
from datasets.selectors.checks import CheckState, check_state, current_results

_TONES = {"failed": "failed", "warning": "waived", "passed": "passed", "not_run": "archived"}


class WaiveForm(forms.Form):
    """Why a version may be used although checks hold it back."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


def state_badge(state: CheckState) -> SafeString:
    """Return how the checks of a version stand, as a badge."""
    total = state.passed + state.warned + state.blocking + state.undecided
    words = {
        "failed": f"{state.blocking} of {total} failed",
        "warning": f"{state.warned} of {total} warn",
        "passed": f"{state.passed} of {total} passed",
        "not_run": "none",
    }
    return badge(_TONES[state.word], words[state.word])


@admin.register(DataCheck)
class DataCheckAdmin(ReadOnlyAdminMixin, AskingAdminMixin, ModelAdmin):
    """Questions that are asked of every version of a dataset."""

    project_lookup = "dataset__project"
    list_display = ("about", "dataset_link", "severity_badge", "is_enabled", "description")
    list_filter = ("dataset", "kind", "severity", "is_enabled")
    search_fields = ("dataset__name", "description")
    list_select_related = ("dataset__project",)
    actions_detail: ClassVar[list[str]] = ["delete_check"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.has_module_permission(request)

    @display(description="Check")
    def about(self, check: DataCheck) -> str:
        return check.spec.title

    @display(description="Dataset", ordering="dataset__name")
    def dataset_link(self, check: DataCheck) -> str:
        return check.dataset.name

    @display(description="Severity", ordering="severity")
    def severity_badge(self, check: DataCheck) -> SafeString:
        return badge("failed" if check.severity == "error" else "waived", check.severity)

    def _datasets(self, request: HttpRequest) -> QuerySet[Dataset]:
        projects = [
            project.pk
            for project in visible_projects(cast("User", request.user))
            if self.may(request, project, Permission.EDIT)
        ]
        return Dataset.objects.filter(project__in=projects).select_related("project")

    @refusals_as_messages
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for dataset and kind; then show the form of that kind, and make the check."""
        first = KindForm(request.GET if "kind" in request.GET else None, initial=request.GET.dict())
        field = first.fields["dataset"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = self._datasets(request)
        if not first.is_bound or not first.is_valid():
            return self._form_page(
                request, first, title="Add a data check", button="Next", method="get"
            )
        dataset, kind = first.cleaned_data["dataset"], kind_named(first.cleaned_data["kind"])
        assert kind is not None
        form = CheckForm(
            request.POST if request.method == "POST" else None,
            kind=kind,
            schema=_schema(dataset),
            initial={},
        )
        if request.method == "POST" and form.is_valid():
            try:
                check = services.create_check(
                    principal=self.principal(request, dataset.project),
                    dataset=dataset,
                    kind=kind.key,
                    **form.request(),
                )
            except DomainError as refusal:
                form.take_refusal(refusal)
            else:
                messages.success(request, f"{check} looks at every later version of {dataset}.")
                return redirect(_list_of(dataset))
        title = f"{kind.title} of {dataset.name}"
        return self._form_page(request, form, title=title, button="Add", text=kind.description)

    @refusals_as_messages
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the check, and change it."""
        check: DataCheck | None = self._row(request, object_id)
        if check is None:
            raise Http404
        kind = kind_named(check.kind)
        assert kind is not None
        form = CheckForm(
            request.POST if request.method == "POST" else None,
            kind=kind,
            schema=_schema(check.dataset),
            initial={
                "columns": check.columns,
                "parameters": check.parameters,
                "severity": check.severity,
                "is_enabled": check.is_enabled,
                "description": check.description,
            },
        )
        project = check.dataset.project
        if request.method == "POST" and form.is_valid():
            try:
                services.change_check(
                    principal=self.principal(request, project), check=check, **form.request()
                )
            except DomainError as refusal:
                form.take_refusal(refusal)
            else:
                messages.success(request, f"{check} was changed.")
                return redirect(_list_of(check.dataset))
        may_edit = self.may(request, project, Permission.EDIT)
        return self._form_page(
            request,
            form,
            title=f"{check} ({check.dataset.name})",
            button="Save" if may_edit else "",
            text=kind.description,
            remove=reverse("admin:datasets_datacheck_delete_check", args=[check.pk])
            if may_edit
            else "",
        )

    def _form_page(
        self, request: HttpRequest, form: forms.Form, *, title: str, button: str, **more: Any
    ) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/form_page.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "form": form,
                "button": button,
                "back": reverse("admin:datasets_datacheck_changelist"),
                **more,
            },
        )

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    def delete_check(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete the check."""

        def act(check: DataCheck, _: Mapping[str, Any]) -> Done:
            said = f"{check} was deleted."
            services.delete_check(
                principal=self.principal(request, self.project_of(check)), check=check
            )
            return Done(said, reverse("admin:datasets_datacheck_changelist"))

        question = "Later versions are not asked any more; what it found in versions stays."
        return self.ask(
            request,
            object_id,
            lambda check: Question(f"Delete {check}?", question, "Delete", is_danger=True),
            act,
        )


class SuggestionsPageMixin:
    """Adds to the page of a dataset: its checks, and the checks that its newest version suggests."""

    opts: Any
    admin_site: Any

    @action(description="Checks", url_path="checks", icon="rule")
    @refusals_as_messages
    def dataset_checks(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the checks and suggestions; make checks of those that are ticked."""
        page: Any = self
        dataset = get_object_or_404(page.get_queryset(request), pk=object_id)
        # Parameters of checks tell of the rows: who may only train on them does not see them.
        principal = page.principal(request, dataset.project)
        principal.require(Permission.VIEW)
        may_edit = principal.may(Permission.EDIT)
        if request.method == "POST":
            made = services.accept_suggestions(
                principal=principal,
                dataset=dataset,
                keys=request.POST.getlist("keys"),
            )
            messages.success(request, f"{len(made)} check(s) look at every later version.")
            return redirect(request.path)
        version, suggested = services.suggestions_for(dataset)
        newest = dataset.versions.order_by("-number").first()
        return TemplateResponse(
            request,
            "admin/datasets/dataset_checks.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": dataset,
                "title": f"Checks of {dataset.name}",
                "back": reverse("admin:datasets_dataset_change", args=[dataset.pk]),
                "add_url": reverse("admin:datasets_datacheck_add") + f"?dataset={dataset.pk}",
                "checks": dataset.checks.order_by("id"),
                "version": version,
                "newest": newest,
                "newest_state": None if newest is None else state_badge(check_state(newest)),
                "suggestions": suggested if may_edit else [],
                "may_edit": may_edit,
            },
        )

    @display(description="Checks")
    def checks_state(self, dataset: Dataset) -> SafeString | str:
        """How the checks of the newest version stand, whether it became ready or not."""
        newest = dataset.versions.order_by("-number").first()
        if newest is None:
            return "–"
        return format_html("{} in v{}", state_badge(check_state(newest)), newest.number)


class CheckResultsMixin:
    """Adds to the page of a version: what its checks found, a look again, and the waiver."""

    def check_context(self, version: DatasetVersion) -> dict[str, Any]:
        """Return what the page shows of the checks of a version."""
        results = current_results(version)
        block = VersionBlock.objects.select_related("waived_by").filter(version=version).first()
        return {
            "check_results": [(badge_of(one.verdict, one.severity), one) for one in results],
            "check_block": block,
        }

    def offered(self, request: HttpRequest, row: DatasetVersion) -> Collection[str]:
        """Leave out what makes no sense: to waive where nothing is held back, to check without rows."""
        block = VersionBlock.objects.filter(version=row, waived_at=None).exists()
        is_held = block and row.status == VersionStatus.FAILED
        senseless = {"check_again": not (row.has_rows or is_held), "waive": not is_held}
        names: Collection[str] = super().offered(request, row)  # type: ignore[misc]
        return [name for name in names if not senseless.get(name)]

    @action(description="Check again", url_path="check", permissions=["edit"], icon="rule")
    def check_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then carry the checks out again."""
        page: Any = self

        def act(version: DatasetVersion, _: Mapping[str, Any]) -> str:
            job = services.request_checks(
                principal=page.principal(request, version.dataset.project), version=version
            )
            return f"{job.title}: the checks are carried out."

        text = "The enabled checks of the dataset look at the version as they are now. Its state does not change."
        found: HttpResponse = page.ask(
            request,
            object_id,
            lambda version: Question(f"Check {version} again?", text, "Check"),
            act,
        )
        return found

    @action(description="Waive", url_path="waive", permissions=["administer"], icon="gavel")
    def waive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, then let the version through."""
        page: Any = self

        def act(version: DatasetVersion, said: Mapping[str, Any]) -> str:
            ready = services.waive_checks(
                principal=page.principal(request, version.dataset.project),
                version=version,
                reason=said["reason"],
            )
            return f"{ready} is ready, although checks failed."

        text = (
            "The version becomes ready as it is. The reason is kept with it and in the audit trail."
        )
        found: HttpResponse = page.ask(
            request,
            object_id,
            lambda version: Question(
                f"Let {version} through?", text, "Waive", form=WaiveForm, is_danger=True
            ),
            act,
        )
        return found


def badge_of(verdict: str, severity: str) -> SafeString:
    """Return a verdict as a badge; what only warns is not red."""
    if verdict in ("failed", "error") and severity == "warning":
        return badge("waived", "warning" if verdict == "failed" else "error (warning)")
    return badge("failed" if verdict == "error" else verdict, verdict.replace("_", " "))


def _list_of(dataset: Dataset) -> str:
    address = reverse("admin:datasets_datacheck_changelist")
    return f"{address}?dataset__id__exact={dataset.pk}"


def _schema(dataset: Dataset) -> Schema | None:
    declared = active_schema(dataset)
    if declared is not None:
        return declared
    version = latest_ready_version(dataset)
    return None if version is None else Schema.from_dict(version.schema)

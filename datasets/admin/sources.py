"""Sources in the admin: the list, the page of one, run, check, pause."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.policy import Permission
from accounts.selectors import in_visible_projects, visible_projects
from core.admin import ModelAdmin, badge, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.admin.parts import version_link
from datasets.models import Dataset, RunOutcome, Source, SourceKind, SourceRun
from datasets.selectors.sources import KEPT_RUNS, runs, sources
from datasets.source_form import SourceForm, initial_of
from datasets.sources import reader_of
from jobs.schedule import Schedule, in_words
from jobs.schedules import schedule_of

_TONES = {"collected": "ready", "nothing_new": "stopped", "waiting": "running", "failed": "failed"}
_LINK = "text-primary-600 dark:text-primary-500"


@admin.register(Source)
class SourceAdmin(AskingAdminMixin, ModelAdmin):
    """Where datasets' rows come from."""

    project_lookup = "dataset__project"
    list_display = (
        "name",
        "kind",
        "dataset",
        "scheduled",
        "last_run",
        "last_version",
        "next_run",
    )
    list_filter = ("kind", "enabled", "dataset__project", "dataset")
    search_fields = ("name", "dataset__name")
    actions_detail: ClassVar[list[str]] = [
        "run_now",
        "check_connection",
        "pause",
        "resume",
        "reset",
        "remove",
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return in_visible_projects(sources(), cast("User", request.user), self.project_lookup)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self._editable(request).exists())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # the button on the page asks the service

    def _editable(self, request: HttpRequest) -> Any:
        projects = [
            one for one in visible_projects(request.user) if self.may(request, one, Permission.EDIT)
        ]
        return Dataset.objects.filter(project__in=projects).select_related("project")

    def offered(self, request: HttpRequest, row: Any) -> Collection[str]:
        names = ["run_now", "check_connection", "reset", "remove"]
        if row.schedule is not None:
            names.append("pause" if row.enabled else "resume")
        return names

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for the kind, then for what that kind needs."""
        if not self.has_add_permission(request):
            messages.error(request, "Only editors add sources, to datasets of their projects.")
            return redirect(reverse("admin:datasets_source_changelist"))
        kind = request.GET.get("kind", "")
        if kind not in SourceKind.values:
            kinds = [(value, reader_of(value)) for value in SourceKind.values]
            return self._page(
                request, "admin/datasets/source_kinds.html", title="Add source", kinds=kinds
            )
        form = SourceForm(
            request.POST or None,
            kind=kind,
            initial={"dataset": request.GET.get("dataset"), "name": reader_of(kind).label},
        )
        cast("forms.ModelChoiceField[Dataset]", form.fields["dataset"]).queryset = self._editable(
            request
        )
        if request.method == "POST" and form.is_valid():
            dataset = form.cleaned_data["dataset"]
            try:
                source = services.create_source(
                    principal=self.principal(request, dataset.project),
                    dataset=dataset,
                    kind=kind,
                    terms=form.terms(),
                    secrets=form.secrets(),
                    schedule=cast("Schedule | None", form.schedule()),
                )
            except DomainError as refusal:
                form.blame(refusal)
            else:
                messages.success(
                    request, f"The source {source.name} was added. Check it, or run it."
                )
                return redirect(reverse("admin:datasets_source_change", args=[source.pk]))
        return self._page(
            request,
            "admin/datasets/source.html",
            title=f"Add source: {reader_of(kind).label}",
            form=form,
            may_edit=True,
        )

    @refusals_as_messages
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show what a source says and what came of its runs; editors may change it."""
        source = self._row(request, object_id)
        if source is None:
            messages.error(request, "There is no such source.")
            return redirect(reverse("admin:datasets_source_changelist"))
        may_edit = self.may(request, source.dataset.project, Permission.EDIT)
        form = SourceForm(
            request.POST if request.method == "POST" and may_edit else None,
            kind=source.kind,
            source=source,
            initial=initial_of(source),
        )
        if not may_edit:
            for field in form.fields.values():
                field.disabled = True
        if request.method == "POST" and may_edit and form.is_valid():
            try:
                services.change_source(
                    principal=self.principal(request, source.dataset.project),
                    source=source,
                    terms=form.terms(),
                    secrets=form.secrets(),
                    schedule=form.schedule(),
                )
            except DomainError as refusal:
                form.blame(refusal)
            else:
                messages.success(request, "The source was changed.")
                return redirect(reverse("admin:datasets_source_change", args=[source.pk]))
        return self._page(
            request,
            "admin/datasets/source.html",
            title=source.name,
            source=source,
            original=source,
            object_id=object_id,
            form=form,
            may_edit=may_edit,
            state=self._state(source),
            runs=[_shown_run(run) for run in runs().filter(source=source)[:KEPT_RUNS]],
            buttons=[
                (one.description, reverse(f"admin:{one.action_name}", args=[object_id]))
                for one in self.get_actions_detail(request, object_id)
            ],
        )

    def _state(self, source: Any) -> list[tuple[str, Any]]:
        mark = source.position.get("watermark")
        return [
            ("Kind", source.get_kind_display()),
            ("Dataset", _dataset_link(source)),
            ("Last run", self.last_run(source)),
            ("Last version", self.last_version(source)),
            ("Read up to", mark["value"] if mark else "–"),
            ("Schedule", self.scheduled(source)),
            ("Next run", self.next_run(source)),
        ]

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "rows": reverse("admin:datasets_source_changelist"),
                **context,
            },
        )

    @display(description="Schedule")
    def scheduled(self, source: Source) -> SafeString | str:
        schedule = schedule_of(source.schedule)
        said = in_words(schedule) if schedule else str(source.schedule or "by hand")
        if source.schedule is None or source.enabled:
            return said
        return format_html("{} {}", said, badge("stopped", "paused"))

    @display(description="Last run")
    def last_run(self, source: Any) -> SafeString | str:
        if source.last_outcome is None:
            return "–"
        shown = badge(_TONES[source.last_outcome], RunOutcome(source.last_outcome).label)
        if source.last_job_id is None:
            return shown
        return format_html(
            '<a href="{}">{}</a> {}',
            reverse("admin:jobs_job_change", args=[source.last_job_id]),
            shown,
            source.last_run_at.strftime("%Y-%m-%d %H:%M"),
        )

    @display(description="Last version")
    def last_version(self, source: Any) -> SafeString | str:
        return version_link(source.last_version_id, f"v{source.last_version_number}")

    @display(description="Next run")
    def next_run(self, source: Source) -> str:
        due = source.next_run_at
        return "–" if due is None else due.strftime("%Y-%m-%d %H:%M UTC")

    @action(description="Run now", url_path="run", permissions=["edit"], icon="play_arrow")
    def run_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then read the source."""

        def act(source: Source, _: Mapping[str, Any]) -> str:
            services.run_source(
                principal=self.principal(request, source.dataset.project), source=source
            )
            return "The source is being read; what is new becomes a version."

        return self.ask(
            request,
            object_id,
            lambda source: Question(
                f"Read {source.name} now?",
                "What is new since the last run becomes the next version of "
                f"{source.dataset.name}.",
                "Run now",
            ),
            act,
        )

    @action(description="Check connection", url_path="look", permissions=["edit"], icon="cable")
    def check_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what would be read; nothing is written."""
        source = get_object_or_404(self.get_queryset(request), pk=object_id)
        look = refusal = None
        if request.method == "POST":
            try:
                look = services.check_source(
                    principal=self.principal(request, source.dataset.project), source=source
                )
            except DomainError as error:
                refusal = error
        return self._page(
            request,
            "admin/datasets/source_look.html",
            title=f"Check {source.name}",
            original=source,
            back=reverse("admin:datasets_source_change", args=[source.pk]),
            look=look,
            refusal=refusal,
        )

    @action(description="Pause", url_path="pause", permissions=["edit"], icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let the schedule rest."""
        return self._set_enabled(request, object_id, enabled=False)

    @action(description="Resume", url_path="resume", permissions=["edit"], icon="resume")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then wake the schedule."""
        return self._set_enabled(request, object_id, enabled=True)

    def _set_enabled(self, request: HttpRequest, object_id: str, *, enabled: bool) -> HttpResponse:
        word = "Resume" if enabled else "Pause"

        def act(source: Source, _: Mapping[str, Any]) -> str:
            services.set_source_enabled(
                principal=self.principal(request, source.dataset.project),
                source=source,
                enabled=enabled,
            )
            return f"{source.name} is {'scheduled again' if enabled else 'paused'}."

        return self.ask(
            request,
            object_id,
            lambda source: Question(
                f"{word} {source.name}?",
                "Its schedule goes on."
                if enabled
                else "Its schedule rests; it can be run by hand.",
                word,
            ),
            act,
        )

    @action(description="Reset", url_path="reset", permissions=["edit"], icon="restart_alt")
    def reset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then forget how far the source has been read."""

        def act(source: Source, _: Mapping[str, Any]) -> str:
            services.reset_source(
                principal=self.principal(request, source.dataset.project), source=source
            )
            return "The next run reads everything."

        return self.ask(
            request,
            object_id,
            lambda source: Question(
                f"Reset {source.name}?",
                "The watermark and the list of files read so far are forgotten: the next run reads "
                "everything, and in the mode 'append' puts it below what is there.",
                "Reset",
                is_danger=True,
            ),
            act,
        )

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    @refusals_as_messages
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete; the list is where one ends."""
        source = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method == "POST":
            services.delete_source(
                principal=self.principal(request, source.dataset.project), source=source
            )
            messages.success(request, f"The source {source.name} was deleted.")
            return redirect(reverse("admin:datasets_source_changelist"))
        return self.ask(
            request,
            object_id,
            lambda source: Question(
                f"Delete {source.name}?",
                "The source, its schedule and the list of its runs go; the versions that it made "
                "stay.",
                "Delete",
                is_danger=True,
            ),
            lambda *_: "",
        )


def _dataset_link(source: Source) -> SafeString:
    return format_html(
        '<a class="{}" href="{}">{}</a>',
        _LINK,
        reverse("admin:datasets_dataset_change", args=[source.dataset_id]),
        source.dataset.name,
    )


def _shown_run(run: SourceRun) -> dict[str, Any]:
    return {
        "at": run.created_at,
        "outcome": badge(_TONES[run.outcome], run.get_outcome_display()),
        "rows": run.rows,
        "version": version_link(
            run.dataset_version_id, str(run.dataset_version) if run.dataset_version else ""
        ),
        "watermark": run.watermark.get("value", "–"),
        "error": run.error_message,
        "job": reverse("admin:jobs_job_change", args=[run.job_id]) if run.job_id else "",
    }

"""Erasures in the admin: ask, see what was found, confirm as a second person, see what was done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.admin_reports import ReportPageMixin
from accounts.models import Project
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from core.errors import DomainError
from core.forms import show_refusal
from datasets import services
from datasets.erasure_page import erasure_page
from datasets.models import DatasetVersion, ErasureRequest, ErasureStatus
from datasets.selectors.erasure import erasures_of_versions, erasures_with_related

_TONES = {
    "open": "queued",
    "searched": "cancelled",
    "confirmed": "queued",
    "running": "running",
    "done": "succeeded",
    "failed": "failed",
    "withdrawn": "stopped",
    "rejected": "stopped",
}
_OFFERED: Mapping[ErasureStatus, tuple[str, ...]] = {
    ErasureStatus.OPEN: ("search", "withdraw"),
    ErasureStatus.SEARCHED: ("confirm", "reject", "search", "withdraw"),
    ErasureStatus.FAILED: ("resume",),
}


def _key_field(help_text: str) -> forms.CharField:
    """Return a field whose content is never shown: not while it is typed, not when the form comes back."""
    return forms.CharField(
        label="Value of the key",
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=help_text,
    )


class ErasureForm(forms.Form):
    """Whose rows are to be erased, and in which project."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), widget=UnfoldAdminSelectWidget
    )
    subject = _key_field(
        "As it stands in the data, exactly. It is kept sealed while it is needed, wiped at the end, "
        "and shown nowhere."
    )
    column = forms.CharField(
        required=False,
        max_length=250,
        widget=UnfoldAdminTextInputWidget,
        help_text="The column that holds the key. Empty: those with the role 'subject key'.",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="Why, without naming the person.",
    )


class ConfirmErasureForm(forms.Form):
    """The word of the second person."""

    subject = _key_field("Once more, from your own papers: it has to be the same.")
    comment = forms.CharField(required=False, max_length=500, widget=UnfoldAdminTextInputWidget)


class RejectErasureForm(forms.Form):
    """Why it is refused."""

    comment = forms.CharField(required=False, max_length=500, widget=UnfoldAdminTextInputWidget)


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ReadOnlyAdminMixin, ReportPageMixin, ModelAdmin):
    """Requests to erase a person's rows."""

    list_display = (
        "name", "state", "column", "requested_by", "requested_at", "decided_by", "ended_at",
    )  # fmt: skip
    list_filter = ("status", "project")
    search_fields = ("reason", "subject_hash")
    actions_detail: ClassVar[list[str]] = ["confirm", "reject", "search", "withdraw", "resume"]
    change_form_before_template = "admin/datasets/erasure.html"
    fieldsets = (
        (
            "Particulars",
            {"fields": ("project", "column", "reference", "subject_hash", "work")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErasureRequest]:
        return erasures_with_related(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return bool(self._projects(request))

    def _projects(self, request: HttpRequest) -> list[Project]:
        """Return the projects in which the user may ask for an erasure."""
        return [
            one for one in visible_projects(request.user) if self.may(request, one, Permission.EDIT)
        ]

    def offered(self, request: HttpRequest, row: ErasureRequest) -> Collection[str]:
        """Leave out what the services would refuse: for the state, or for who is asking."""
        names = _OFFERED.get(ErasureStatus(row.status), ())
        is_first = row.requested_by_id == request.user.pk
        refused = {"confirm", "reject"} if is_first else {"withdraw"}
        return [name for name in names if name not in refused]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for an erasure; the search begins."""
        back = reverse("admin:datasets_erasurerequest_changelist")
        projects = self._projects(request)
        if not projects:
            messages.error(request, "Only editors ask for an erasure, in their projects.")
            return redirect(back)
        form = ErasureForm(
            request.POST if request.method == "POST" else None,
            initial={"project": projects[0].pk if len(projects) == 1 else None},
        )
        cast(
            "forms.ModelChoiceField[Project]", form.fields["project"]
        ).queryset = Project.objects.filter(pk__in=[one.pk for one in projects])
        if request.method == "POST" and form.is_valid():
            wanted = dict(form.cleaned_data)
            try:
                erasure = services.request_erasure(
                    principal=self.principal(request, wanted.pop("project")), **wanted
                )
            except DomainError as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(
                    request, "The rows are being searched for. Nothing is changed by that."
                )
                return redirect(reverse("admin:datasets_erasurerequest_change", args=[erasure.pk]))
        return TemplateResponse(
            request,
            "admin/datasets/erasure_ask.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Erase a person's rows",
                "form": form,
                "back": back,
            },
        )

    def report_context(self, request: HttpRequest, row: ErasureRequest) -> dict[str, Any]:
        """Put before, during and after above the particulars."""
        return {
            "erasure": row,
            "page": erasure_page(row, erasures_of_versions(row)),
            "state": self.state(row),
            "asked_by_me": row.requested_by_id == request.user.pk,
        }

    @display(description="Erasure")
    def name(self, row: ErasureRequest) -> str:
        return str(row)

    @display(description="Status", ordering="status")
    def state(self, row: ErasureRequest) -> SafeString:
        return badge(_TONES[row.status], ErasureStatus(row.status).label.split(":")[0])

    @display(description="Job")
    def work(self, row: ErasureRequest) -> SafeString | str:
        if row.job is None:
            return "–"
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a> {}',
            reverse("admin:jobs_job_change", args=[row.job.pk]),
            row.job.title,
            badge(row.job.status),
        )

    @action(
        description="Confirm", url_path="confirm", permissions=["administer"], icon="how_to_reg"
    )
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the key once more, then erase."""
        return self._decide(
            request,
            object_id,
            lambda _: Question(
                "Erase this person's rows?",
                "The rows go from all versions, predictions and samples that the search found, and "
                "there is no way back. You confirm what somebody else has asked for.",
                "Erase",
                form=ConfirmErasureForm,
                is_danger=True,
            ),
            services.confirm_erasure,
            "The erasure was confirmed and is under way.",
        )

    @action(description="Reject", url_path="reject", permissions=["administer"], icon="block")
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then refuse."""
        return self._decide(
            request,
            object_id,
            lambda row: Question(
                f"Reject {row}?",
                "Nothing is erased, and the key is wiped.",
                "Reject",
                form=RejectErasureForm,
            ),
            services.reject_erasure,
            "The erasure was rejected.",
        )

    @action(description="Search again", url_path="search", permissions=["edit"], icon="search")
    def search(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then search once more."""
        return self._decide(
            request,
            object_id,
            lambda _: Question(
                "Search once more?", "What was found before is replaced.", "Search again"
            ),
            services.search_again,
            "The rows are being searched for.",
        )

    @action(description="Withdraw", url_path="withdraw", permissions=["edit"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take one's own request back."""
        return self._decide(
            request,
            object_id,
            lambda row: Question(
                f"Withdraw {row}?", "Nothing is erased, and the key is wiped.", "Withdraw"
            ),
            services.withdraw_erasure,
            "The request was withdrawn.",
        )

    @action(description="Resume", url_path="resume", permissions=["administer"], icon="resume")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then go on with what broke off."""
        return self._decide(
            request,
            object_id,
            lambda row: Question(f"Go on with {row}?", f"It broke off: {row.error}", "Resume"),
            services.resume_erasure,
            "The erasure goes on.",
        )

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        question: Callable[[ErasureRequest], Question],
        service: Callable[..., ErasureRequest],
        said: str,
    ) -> HttpResponse:
        def act(row: ErasureRequest, given: Mapping[str, Any]) -> str:
            service(principal=self.principal(request, row.project), request=row, **given)
            return said

        return self.ask(request, object_id, question, act)


class ErasedRowsMixin(AskingAdminMixin):
    """Adds to the page of a version: what erasures took from it, and the verification of what is left."""

    def offered(self, request: HttpRequest, row: DatasetVersion) -> Collection[str]:
        names = super().offered(request, row)
        return [name for name in names if name != "verify" or row.has_rows]

    @display(description="Erasures")
    def erased(self, version: DatasetVersion) -> SafeString | str:
        if not version.erasure_affected:
            return "–"
        return badge("cancelled", "erasure affected")

    @action(description="Verify", url_path="verify", permissions=["edit"], icon="verified")
    def verify(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then read all rows again and compare their digest."""

        def act(version: DatasetVersion, _: Mapping[str, Any]) -> Any:
            job = services.verify_version(
                principal=self.principal(request, version.dataset.project), version=version
            )
            return f"{job.title}: the job is queued; its result says whether the digests are equal."

        return self.ask(
            request,
            object_id,
            lambda version: Question(
                f"Verify {version}?",
                "All rows are read again; their digest is compared with the recorded one.",
                "Verify",
            ),
            act,
        )


def erased_from(version: DatasetVersion) -> dict[str, Any]:
    """Return what the page of a version shows of erasures."""
    return {"version_erasures": list(version.erasures.select_related("request"))}

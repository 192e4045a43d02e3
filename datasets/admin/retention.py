"""Retention in the admin: policies, what they would do, runs by hand, holds, compaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, badge, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.models import Dataset, DatasetVersion, RetentionPolicy, VersionStatus
from datasets.presentation import size_text

_FATES = {"keep": "ready", "archive": "waived", "wait": "queued", "remove": "failed"}
_FATE_WORDS = {
    "keep": "stays",
    "archive": "is archived",
    "wait": "is archived; rows stay for now",
    "remove": "loses its rows",
}


class HoldForm(forms.Form):
    """Why a version must stay."""

    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Whoever wonders why the version is still there reads this.",
    )


class HoldMixin(AskingAdminMixin):
    """Adds "Hold" and "Release" to the page of a version, and hides what makes no sense there."""

    def offered(self, request: HttpRequest, row: DatasetVersion) -> Collection[str]:
        senseless = {
            "archive": row.status not in (VersionStatus.READY, VersionStatus.FAILED),
            "restore": row.status != VersionStatus.ARCHIVED or row.delta_version is None,
            "hold": bool(row.hold_reason) or not row.has_rows,
            "release": not row.hold_reason,
            "deep_profile": not row.profile,
            "compare": not row.has_rows,
            "quarantined_rows": not row.quarantined_rows,
        }
        return [name for name in super().offered(request, row) if not senseless.get(name)]

    @action(description="Hold", url_path="hold", permissions=["edit"], icon="lock")
    def hold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, then keep the version from retention."""

        def act(row: DatasetVersion, said: Mapping[str, Any]) -> str:
            services.hold_version(
                principal=self.principal(request, row.dataset.project), version=row, **said
            )
            return f"{row} is held: retention leaves it alone."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                f"Hold {row}?",
                "A version that is held stays, whatever the retention policy says.",
                "Hold",
                form=HoldForm,
            ),
            act,
        )

    @action(description="Release", url_path="release", permissions=["edit"], icon="lock_open")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let retention decide again."""

        def act(row: DatasetVersion, _: Mapping[str, Any]) -> str:
            services.release_version(
                principal=self.principal(request, row.dataset.project), version=row
            )
            return f"{row} is no longer held."

        return self.ask(
            request,
            object_id,
            lambda row: Question(f"Release {row}?", f"It is held: {row.hold_reason}", "Release"),
            act,
        )


class CompactionMixin:
    """Adds "Compact" to the page of a dataset."""

    @action(description="Compact", url_path="compact", permissions=["edit"], icon="compress")
    def compact(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then queue the compaction."""
        page: Any = self

        def act(row: Dataset, _: Mapping[str, Any]) -> str:
            job = services.compact_dataset(
                principal=page.principal(request, row.project), dataset=row
            )
            return f"{job.title}: the job is queued."

        return cast(
            "HttpResponse",
            page.ask(
                request,
                object_id,
                lambda row: Question(
                    f"Compact {row.name}?",
                    "The small files of the newest version are put together. Its rows are compared "
                    "before it uses the new files; other versions keep theirs.",
                    "Compact",
                ),
                act,
            ),
        )


class RetentionPolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The terms of a policy."""

    # Not "dataset": the page takes a field of that name for the choice of a table on it.
    whose = forms.ModelChoiceField(
        queryset=Dataset.objects.none(), label="Dataset", widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = RetentionPolicy
        fields = ("is_enabled", "keep_last", "keep_days", "grace_days")

    def clean(self) -> dict[str, Any]:
        """Refuse a policy that keeps nothing beside the field that is to blame."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and values["keep_last"] is None and values["keep_days"] is None:
            self.add_error("keep_last", "Say how many versions stay, or for how many days.")
        for name in ("keep_last", "keep_days"):
            if values.get(name) == 0:
                self.add_error(name, "Give a number from 1 on, or nothing.")
        return values


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(AskingAdminMixin, ModelAdmin):
    """How long the versions of datasets are kept."""

    form = RetentionPolicyForm
    project_lookup = "dataset__project"
    list_display = ("dataset", "state", "said", "last_run_at")
    list_filter = ("is_enabled", "dataset__project")
    search_fields = ("dataset__name",)
    list_select_related = ("dataset__project",)
    actions_detail: ClassVar[list[str]] = ["preview", "run_now", "remove"]
    actions_row: ClassVar[list[str]] = ["preview"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RetentionPolicy]:
        queryset: QuerySet[RetentionPolicy] = super().get_queryset(request)
        return queryset.select_related("dataset__project")

    def get_fields(
        self, request: HttpRequest, obj: RetentionPolicy | None = None
    ) -> tuple[str, ...]:
        terms = ("is_enabled", "keep_last", "keep_days", "grace_days")
        return ("whose", *terms) if obj is None else ("dataset", *terms, "last_run_at")

    def get_readonly_fields(
        self, request: HttpRequest, obj: RetentionPolicy | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("dataset", "last_run_at")

    def get_form(
        self, request: HttpRequest, obj: RetentionPolicy | None = None, **kwargs: Any
    ) -> Any:
        """Offer the datasets that have no policy yet; a policy stays with its dataset."""
        form = super().get_form(request, obj, **kwargs)
        if obj is None:
            form.base_fields["whose"].queryset = self._datasets(request)
        else:
            form.base_fields.pop("whose", None)
        return form

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._datasets(request).exists()

    def has_change_permission(
        self, request: HttpRequest, obj: RetentionPolicy | None = None
    ) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        return self.may(request, obj.dataset.project, Permission.EDIT)

    def has_delete_permission(
        self, request: HttpRequest, obj: RetentionPolicy | None = None
    ) -> bool:
        return False  # the button on the page asks the service

    def _datasets(self, request: HttpRequest) -> QuerySet[Dataset]:
        projects = [
            project.pk
            for project in visible_projects(request.user)
            if self.may(request, project, Permission.EDIT)
        ]
        return Dataset.objects.filter(project__in=projects, retention_policy__isnull=True)

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def save_model(
        self, request: HttpRequest, obj: RetentionPolicy, form: Any, change: bool
    ) -> None:
        dataset = obj.dataset if change else form.cleaned_data["whose"]
        made = services.set_retention_policy(
            principal=self.principal(request, dataset.project),
            dataset=dataset,
            **{
                name: form.cleaned_data[name]
                for name in ("is_enabled", "keep_last", "keep_days", "grace_days")
            },
        )
        obj.pk, obj.dataset, obj.created_at = made.pk, made.dataset, made.created_at
        obj._state.adding = False

    @display(description="State")
    def state(self, policy: RetentionPolicy) -> SafeString:
        return badge("live", "on") if policy.is_enabled else badge("stopped", "off")

    @display(description="Terms")
    def said(self, policy: RetentionPolicy) -> str:
        return policy.terms

    @action(description="What would happen", url_path="preview", icon="preview")
    @refusals_as_messages
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the fate of each version with its reasons; changes nothing."""
        policy = get_object_or_404(self.get_queryset(request), pk=object_id)
        planned = services.preview_retention(
            principal=self.principal(request, policy.dataset.project), dataset=policy.dataset
        )
        counts = {fate: sum(one.fate == fate for one in planned) for fate in _FATES}
        return TemplateResponse(
            request,
            "admin/datasets/retention.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": policy,
                "title": f"What retention would do to {policy.dataset.name}",
                "back": reverse("admin:datasets_retentionpolicy_change", args=[policy.pk]),
                "run": reverse("admin:datasets_retentionpolicy_run_now", args=[policy.pk])
                if self.has_edit_permission(request, object_id)
                else None,
                "terms": policy.terms,
                "counts": counts,
                "freed": size_text(sum(one.frees_bytes for one in planned)),
                "lines": [
                    {
                        "version": one,
                        "badge": badge(_FATES[one.fate], _FATE_WORDS[one.fate]),
                        "reasons": "; ".join(one.reasons),
                        "frees": size_text(one.frees_bytes) if one.frees_bytes else "",
                    }
                    for one in planned
                ],
            },
        )

    @action(description="Run now", url_path="run", permissions=["edit"], icon="play_arrow")
    def run_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then queue a run."""

        def act(row: RetentionPolicy, _: Mapping[str, Any]) -> str:
            job = services.run_retention(
                principal=self.principal(request, row.dataset.project), dataset=row.dataset
            )
            return f"{job.title}: the job is queued."

        return self.ask(
            request,
            object_id,
            lambda row: Question(
                f"Carry out the retention of {row.dataset.name} now?",
                "Versions that no rule speaks for are archived; those whose days of grace are over "
                'lose their rows for good. "What would happen" shows which.',
                "Run now",
                is_danger=True,
            ),
            act,
        )

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete the policy."""
        policy = get_object_or_404(self.get_queryset(request), pk=object_id)
        question = Question(
            f"Delete the retention policy of {policy.dataset.name}?",
            "Then all its versions stay.",
            "Delete",
            is_danger=True,
        )
        if request.method != "POST":
            return self.ask(request, object_id, lambda _: question, lambda *_: "")
        try:
            services.delete_retention_policy(
                principal=self.principal(request, policy.dataset.project), dataset=policy.dataset
            )
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"The policy of {policy.dataset.name} was deleted.")
        return redirect(reverse("admin:datasets_retentionpolicy_changelist"))

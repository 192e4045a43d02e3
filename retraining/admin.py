"""Retraining in the admin: policies, "retrain now", and decisions that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin_asking import AskingAdminMixin, Done, Question
from accounts.admin_reports import ReportPageMixin
from accounts.policy import Permission
from accounts.selectors import in_visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from core.errors import DomainError
from jobs.schedule import Crontab, Schedule, UnreadableScheduleError, parse_crontab
from jobs.schedules import schedule_of
from retraining import selectors, services
from retraining.decision_report import report_of
from retraining.models import RetrainDecision, RetrainPolicy
from serving.models import Endpoint

_SUMMARY_CHARACTERS = 160


class RetrainPolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A policy; the schedule's finer points are edited in its own row."""

    crontab = forms.CharField(
        required=False,
        label="Schedule",
        widget=UnfoldAdminTextInputWidget,
        help_text=(
            "A crontab line: minute hour day month weekday, e.g. 0 3 * * * for three o'clock every "
            "night. Empty: no schedule. Other schedules are kept; edit them in their own row."
        ),
    )

    class Meta:
        model = RetrainPolicy
        fields = ("endpoint", *(field.name for field in fields(services.PolicyTerms)))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = schedule_of(self.instance.schedule) if self.instance.pk else None
        if isinstance(present, Crontab):
            self.initial["crontab"] = present.expression

    def clean_crontab(self) -> Schedule | None:
        """Return the schedule that the line says."""
        line = self.cleaned_data["crontab"].strip()
        if not line:
            return None
        present = schedule_of(self.instance.schedule) if self.instance.pk else None
        timezone = present.timezone if isinstance(present, Crontab) else "UTC"
        try:
            return parse_crontab(line, timezone=timezone)
        except UnreadableScheduleError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """Refuse what the service would refuse, beside the field that is to blame."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.terms().check()
                if not self.instance.pk:
                    services.require_judgeable(values["endpoint"])
            except DomainError as refusal:
                self.add_error(refusal.field, refusal.message)
        return values

    def terms(self) -> services.PolicyTerms:
        """Return the terms that were filled in."""
        names = [field.name for field in fields(services.PolicyTerms)]
        return services.PolicyTerms(**{name: self.cleaned_data[name] for name in names})

    def schedule(self) -> Schedule | services.Unchanged | None:
        """Return the schedule that is wanted; an empty line keeps what no line can say."""
        wanted: Schedule | None = self.cleaned_data["crontab"]
        row = self.instance.schedule if self.instance.pk else None
        if wanted is None and row is not None and row.crontab is None:
            return services.UNCHANGED
        return wanted


@admin.register(RetrainPolicy)
class RetrainPolicyAdmin(AskingAdminMixin, ModelAdmin):
    """When models are trained again."""

    form = RetrainPolicyForm
    project_lookup = "endpoint__project"
    list_display = (
        "endpoint",
        "state",
        "starts",
        "scheduled",
        "latest",
        "last_triggered_at",
    )
    list_filter = ("enabled", "on_drift", "endpoint__project")
    search_fields = ("endpoint__name",)
    actions_detail: ClassVar[list[str]] = ["retrain_now"]
    readonly_fields = ("schedule_link", "latest", "last_triggered_at", "created_by", "created_at")
    fieldsets = (
        (None, {"fields": ("endpoint", "enabled")}),
        ("What starts it", {"fields": ("on_drift", "cooldown_hours", "crontab", "schedule_link")}),
        (
            "What a challenger must show",
            {"fields": ("min_labels", "test_fraction", "alpha", "margin", "horizon_rows")},
        ),
        ("So far", {"fields": ("latest", "last_triggered_at", "created_by", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RetrainPolicy]:
        queryset: QuerySet[RetrainPolicy] = super().get_queryset(request)
        return queryset.select_related(
            "endpoint__project", "schedule__crontab", "schedule__interval", "created_by"
        ).prefetch_related("decisions")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return self.readonly_fields if obj is None else ("endpoint", *self.readonly_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Leave out what a new policy does not have yet."""
        return self.fieldsets if obj is not None else self.fieldsets[:-1]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer the endpoints of the user's own projects that have no policy yet."""
        if db_field.name == "endpoint":
            kwargs["queryset"] = in_visible_projects(
                Endpoint.objects.filter(retrain_policy=None), cast("User", request.user), "project"
            )
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(
            db_field, request, **kwargs
        )
        return field

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may_deploy(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _may_deploy(self, request: HttpRequest, obj: Model | None) -> bool:
        if not isinstance(obj, RetrainPolicy):
            return self.has_view_permission(request, obj)
        return self.may(request, obj.endpoint.project, Permission.DEPLOY)

    def save_model(
        self, request: HttpRequest, obj: RetrainPolicy, form: RetrainPolicyForm, change: bool
    ) -> None:
        """Create or change through the service, which checks the role and writes the audit."""
        principal = self.principal(request, obj.endpoint.project)
        if change:
            services.change_policy(
                principal=principal, policy=obj, terms=form.terms(), schedule=form.schedule()
            )
            return
        made = services.create_policy(
            principal=principal,
            endpoint=obj.endpoint,
            terms=form.terms(),
            schedule=cast("Schedule | None", form.schedule()),
        )
        obj.pk = made.pk

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refuses as a message on the form."""
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    @display(description="State")
    def state(self, policy: RetrainPolicy) -> SafeString:
        return badge("live", "enabled") if policy.enabled else badge("stopped", "disabled")

    @display(description="Starts on")
    def starts(self, policy: RetrainPolicy) -> str:
        causes = ["drift"] * policy.on_drift + ["schedule"] * (policy.schedule is not None)
        return ", ".join([*causes, "by hand"])

    @display(description="Schedule")
    def scheduled(self, policy: RetrainPolicy) -> str:
        return str(schedule_of(policy.schedule) or policy.schedule or "—")

    @display(description="Schedule's row")
    def schedule_link(self, policy: RetrainPolicy) -> SafeString | str:
        if policy.pk is None or policy.schedule is None:
            return "—"
        return format_html(
            '<a class="text-primary-600 underline" href="{}">{}</a>',
            reverse("admin:django_celery_beat_periodictask_change", args=[policy.schedule.pk]),
            str(schedule_of(policy.schedule) or policy.schedule),
        )

    @display(description="Latest decision")
    def latest(self, policy: RetrainPolicy) -> SafeString | str:
        decision = next(iter(policy.decisions.all()), None) if policy.pk else None
        if decision is None:
            return "—"
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:retraining_retraindecision_change", args=[decision.pk]),
            badge(decision.verdict, decision.get_verdict_display()),
        )

    @action(
        description="Retrain now", url_path="retrain-now", permissions=["deploy"], icon="autorenew"
    )
    def retrain_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then train a challenger and let it meet the champion."""

        def act(policy: RetrainPolicy, _: Mapping[str, Any]) -> Done:
            job = services.retrain_now(
                principal=self.principal(request, policy.endpoint.project), policy=policy
            )
            return Done(
                "A challenger is being trained.", reverse("admin:jobs_job_change", args=[job.pk])
            )

        return self.ask(
            request,
            object_id,
            lambda policy: Question(
                f"Retrain the model behind {policy.endpoint.name} now?",
                "A challenger is trained and meets the champion on the newest labelled rows. It "
                "becomes champion only if it is shown to be better.",
                "Retrain",
            ),
            act,
        )


@admin.register(RetrainDecision)
class RetrainDecisionAdmin(ReadOnlyAdminMixin, ReportPageMixin, ModelAdmin):
    """What came of retrainings, newest first, each with its evidence."""

    project_lookup = "policy__endpoint__project"
    list_display = (
        "endpoint",
        "outcome",
        "trigger",
        "champion",
        "challenger",
        "summary",
        "created_at",
    )
    list_display_links = ("endpoint", "outcome")
    list_filter = ("verdict", "trigger", "policy__endpoint")
    change_form_before_template = "admin/retraining/decision_report.html"
    fieldsets = (
        (
            "Particulars",
            {
                "fields": (
                    "policy",
                    "trigger",
                    "alert",
                    "champion",
                    "challenger",
                    "dataset_version",
                    "job",
                    "created_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RetrainDecision]:
        visible: QuerySet[RetrainDecision] = super().get_queryset(request)
        return selectors.decisions().filter(pk__in=visible.order_by().values("pk"))

    def report_context(self, request: HttpRequest, row: RetrainDecision) -> dict[str, Any]:
        """Put the readable report before the particulars."""
        return {"report": report_of(row)}

    @display(description="Endpoint")
    def endpoint(self, decision: RetrainDecision) -> str:
        return decision.policy.endpoint.name

    @display(description="Verdict")
    def outcome(self, decision: RetrainDecision) -> SafeString:
        return badge(decision.verdict, decision.get_verdict_display())

    @display(description="Why")
    def summary(self, decision: RetrainDecision) -> str:
        return Truncator(decision.reason).chars(_SUMMARY_CHARACTERS)

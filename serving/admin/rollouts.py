"""Rollouts in the admin: the plan, how far it is, what was seen, and what people decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.policy import Permission
from core.admin import ModelAdmin, badge, refusals_as_messages
from serving import services
from serving.models import Rollout, RolloutJudgement, RolloutStep
from serving.services.rollouts import SETTINGS
from serving.traffic_forms import ReasonedForm, StepsForm

Status = Rollout.Status
_TONES = {
    Status.COMPLETED: "promoted",
    Status.ROLLED_BACK: "failed",
    Status.ROLLING_BACK: "failed",
    Status.FAILED: "failed",
    Status.ABORTED: "cancelled",
    Status.INCONCLUSIVE: "inconclusive",
    Status.PAUSED: "stopped",
}
_MOST_JUDGEMENTS = 50


@admin.register(Rollout)
class RolloutAdmin(AskingAdminMixin, ModelAdmin):
    """Versions that take over an endpoint in steps."""

    project_lookup = "endpoint__project"
    list_display = ("endpoint", "model_version", "state", "plan", "note", "started_at", "ended_at")
    list_filter = ("status", "endpoint")
    list_select_related = ("endpoint__project", "model_version__model")
    actions_detail: ClassVar[list[str]] = [
        *("start", "change_steps", "pause", "resume", "promote", "abort"),
    ]
    readonly_fields = (
        *("endpoint", "model_version", "champion", "state", "note", "plan", "judged"),
        *("created_by", "created_at", "started_at", "ended_at"),
    )
    fieldsets = (
        (None, {"fields": ("endpoint", "model_version", "champion", "state", "note", "plan")}),
        ("Judgements", {"fields": ("judged",)}),
        ("Thresholds", {"fields": SETTINGS}),
        ("Particulars", {"fields": ("created_by", "created_at", "started_at", "ended_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        found = super().get_queryset(request).prefetch_related("steps")
        return found.select_related(
            "endpoint__project", "model_version__model", "champion__model", "created_by"
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        if isinstance(obj, Rollout) and obj.status != Status.DRAFT:
            return (*self.readonly_fields, *SETTINGS)
        return self.readonly_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not isinstance(obj, Rollout):
            return self.has_view_permission(request, obj)
        is_draft = obj.status == Status.DRAFT  # later nothing is left to be edited
        return is_draft and self.may(request, obj.endpoint.project, Permission.DEPLOY)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Rollout, form: Any, change: bool) -> None:
        """Change the plan through the service, which checks the role and the state."""
        changed = {name: form.cleaned_data[name] for name in SETTINGS if name in form.changed_data}
        if changed:
            services.change_rollout(
                principal=self.principal(request, obj.endpoint.project),
                rollout=obj,
                settings=changed,
            )

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refuses as a message on the form."""
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    @display(description="Status")
    def state(self, rollout: Rollout) -> SafeString:
        tone = _TONES.get(Status(rollout.status), "running")
        return badge(tone, rollout.get_status_display())

    @display(description="Steps")
    def plan(self, rollout: Rollout) -> SafeString:
        return format_html_join(
            " ",
            '<span class="whitespace-nowrap" style="{}">{} {}</span>',
            map(_shown, rollout.steps.all()),
        )

    @display(description="What was seen")
    def judged(self, rollout: Rollout) -> SafeString | str:
        rows = [
            (
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                f"{one.step.share:.0%}",
                _verdict(one),
                f"{one.requests:,} / {one.champion_requests:,}",
                format_html_join(
                    "", "<div>{}</div>", ((guard.get("says", ""),) for guard in one.evidence)
                ),
            )
            for one in rollout.judgements.select_related("step")[:_MOST_JUDGEMENTS]
        ]
        if not rows:
            return "Nothing was judged yet."
        return format_html(
            '<table style="width: 100%"><thead><tr style="text-align: left"><th>At (UTC)</th>'
            "<th>Step</th><th>Verdict</th><th>Requests, beside the champion's</th><th>Guards</th>"
            "</tr></thead><tbody>{}</tbody></table>",
            format_html_join(
                "",
                '<tr style="vertical-align: top"><td style="padding: .25rem .75rem .25rem 0">{}</td>'
                "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                rows,
            ),
        )

    def offered(self, request: HttpRequest, row: Rollout) -> Collection[str]:
        """Return what the services would not refuse."""
        return {
            Status.DRAFT: ("start", "change_steps", "abort"),
            Status.SHADOWING: ("pause", "promote", "abort"),
            Status.CANARY: ("pause", "promote", "abort"),
            Status.PAUSED: ("resume", "promote", "abort"),
            Status.PROMOTING: ("abort",),
        }.get(Status(row.status), ())

    @action(description="Start", url_path="start", permissions=["deploy"], icon="play_circle")
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then begin the first step."""
        question = Question("Start the rollout?", "The first step begins within a second.", "Start")
        return self._decide(request, object_id, question, services.start_rollout, "It has started.")

    @action(description="Steps", url_path="steps", permissions=["deploy"], icon="stairs")
    def change_steps(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for other steps."""
        question = Question(
            "Which steps?",
            "Each share of the traffic is watched for its minutes, before the next one begins.",
            "Save",
            StepsForm,
        )
        return self._decide(
            request, object_id, question, services.change_rollout, "The plan is changed."
        )

    @action(description="Pause", url_path="pause", permissions=["deploy"], icon="pause_circle")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stay at the present share."""
        question = Question(
            "Pause the rollout?",
            "The share stays as it is, and the guards go on watching.",
            "Pause",
            ReasonedForm,
        )
        return self._decide(request, object_id, question, services.pause_rollout, "It is paused.")

    @action(description="Resume", url_path="resume", permissions=["deploy"], icon="play_circle")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then go on."""
        question = Question("Resume the rollout?", "It goes on where it was paused.", "Resume")
        return self._decide(request, object_id, question, services.resume_rollout, "It goes on.")

    @action(description="Promote", url_path="promote", permissions=["deploy"], icon="verified")
    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then skip the steps that are left."""
        question = Question(
            "Promote now?",
            "The steps that are left are skipped: the version becomes champion within seconds, "
            "once it has the approval that its model asks for.",
            "Promote",
            ReasonedForm,
            is_danger=True,
        )
        return self._decide(
            request, object_id, question, services.promote_rollout, "It is being promoted."
        )

    @action(description="Abort", url_path="abort", permissions=["deploy"], icon="cancel")
    def abort(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then give the champion all traffic again."""
        question = Question(
            "Abort the rollout?",
            "The champion has all traffic again within a second.",
            "Abort",
            ReasonedForm,
            is_danger=True,
        )
        return self._decide(request, object_id, question, services.abort_rollout, "It is aborted.")

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        question: Question,
        decide: Callable[..., Rollout],
        said: str,
    ) -> HttpResponse:
        def act(rollout: Rollout, told: Mapping[str, Any]) -> str:
            principal = self.principal(request, rollout.endpoint.project)
            decide(principal=principal, rollout=rollout, **told)
            return said

        return self.ask(request, object_id, lambda _: question, act)


def _verdict(one: RolloutJudgement) -> SafeString:
    tones = {"healthy": "passed", "breached": "failed"}
    return badge(tones.get(one.verdict, "inconclusive"), one.get_verdict_display())


def _shown(step: RolloutStep) -> tuple[str, str, str]:
    """Return a step's style, mark and text."""
    is_present = step.started_at is not None and step.ended_at is None
    mark = "●" if is_present else ("✓" if step.ended_at else "○")
    share = "shadow" if not step.share else f"{step.share:.0%}"
    return (
        "font-weight: 600" if is_present else "",
        mark,
        f"{share} for {step.baking_minutes:g} min",
    )

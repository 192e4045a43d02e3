"""Model versions in the admin: what they are, what let them through, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.decorators import action, display

from accounts.admin_asking import Question
from accounts.admin_reports import ReportPageMixin
from accounts.principals import Principal
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from models_registry import services
from models_registry.admin.parts import alias_badges, in_one_line
from models_registry.admin.uploading import UploadModelAdminMixin
from models_registry.forms import AliasForm, CommentForm, ReasonForm, RequiredReasonForm
from models_registry.models import (
    NEXT_STATUSES,
    NEXT_VALIDATIONS,
    ApprovalRequest,
    ModelVersion,
    Validation,
    VersionStatus,
)
from models_registry.selectors import CHAMPION, PREVIOUS, lineage_of, with_gates_and_aliases
from models_registry.version_report import headline_metric, report_of

#: Where rows are scored: a page of the room above, known by its name only.
SCORING_PAGE = "admin:serving_batchscoring_add"
#: Where an archive is asked for, likewise.
EXPORT_PAGE = "admin:serving_modelexport_add"

Act = Callable[[Principal, ModelVersion, Mapping[str, Any]], str]


@admin.register(ModelVersion)
class ModelVersionAdmin(UploadModelAdminMixin, ReadOnlyAdminMixin, ReportPageMixin, ModelAdmin):
    """Trained models with their files, gates and origin."""

    project_lookup = "model__project"
    list_display = (
        "label",
        "state",
        "verdict",
        "names",
        "quality",
        "estimator",
        "runtime",
        "made",
    )
    ordering = ("-created_at", "-pk")
    list_filter = ("status", "validation", "model", "estimator")
    search_fields = ("model__name", "artifact_digest")
    actions_detail: ClassVar[list[Any]] = [
        "promote",
        "evaluate",
        {
            "title": "More",
            "items": [
                "score_rows",
                "export",
                "point_alias",
                "ask_for_approval",
                "waive",
                "quarantine",
                "release",
                "retire",
            ],
        },
    ]
    change_form_before_template = "admin/models_registry/version_report.html"
    fieldsets = (
        (
            "Particulars",
            {
                "fields": (
                    "artifact_digest",
                    "artifact_size_bytes",
                    "created_by",
                    "created_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        queryset = with_gates_and_aliases(super().get_queryset(request)).select_related(
            "model__project", "run__job"
        )
        match = getattr(request, "resolver_match", None)
        if match is not None and str(match.url_name).endswith("_changelist"):
            return queryset.defer("signature", "runtime_report", "spec", "environment")
        return queryset

    def report_context(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        """Put the readable report before the particulars."""
        approvals = list(row.approvals.select_related("requested_by", "decided_by"))
        return {
            "report": report_of(row, cast("Any", row).current_results, approvals),
            "lineage": lineage_of(row),
            "approvals": approvals,
            "state": self.state(row),
            "verdict": self.verdict(row),
            "names": self.names(row),
            "artifact": reverse("model-version-artifact", args=[row.pk]),
            "earlier_results": reverse("admin:models_registry_gateresult_changelist")
            + f"?version__id__exact={row.pk}",
        }

    # --- what is shown

    @display(description="Version", ordering="number")
    def label(self, version: ModelVersion) -> str:
        return str(version)

    @display(description="Status", ordering="status")
    def state(self, version: ModelVersion) -> SafeString:
        shown = badge(version.status)
        if version.erasure_affected_at is None:
            return shown
        how = "measured" if version.is_uploaded else "trained"
        return format_html("{} {}", shown, badge("cancelled", f"{how} on erased rows"))

    @display(description="Validation", ordering="validation")
    def verdict(self, version: ModelVersion) -> SafeString:
        return badge(version.validation)

    @display(description="Aliases")
    def names(self, version: ModelVersion) -> SafeString | str:
        return alias_badges(alias.name for alias in version.aliases.all())

    @display(description="Quality")
    def quality(self, version: ModelVersion) -> SafeString:
        return in_one_line(headline_metric(version))

    @display(description="Created", ordering="created_at")
    def made(self, version: ModelVersion) -> SafeString:
        return in_one_line(f"{localtime(version.created_at):%Y-%m-%d %H:%M}")

    # --- what can be done

    def offered(self, request: HttpRequest, row: ModelVersion) -> Collection[str]:
        """Return the actions that the services would not refuse for the version's state."""
        status, validation = VersionStatus(row.status), Validation(row.validation)
        names = {alias.name for alias in row.aliases.all()}
        is_held = bool(names - {PREVIOUS})
        onward = NEXT_STATUSES[status]
        is_ready = status is VersionStatus.READY
        asked = {
            one.status for one in row.approvals.all() if one.artifact_digest == row.artifact_digest
        }
        is_approved = ApprovalRequest.Status.APPROVED in asked
        is_fit = validation in (Validation.PASSED, Validation.WAIVED)
        chosen = {
            "promote": is_ready
            and is_fit
            and CHAMPION not in names
            and (is_approved or not row.model.requires_approval),
            "evaluate": status in (VersionStatus.READY, VersionStatus.QUARANTINED)
            and validation is not Validation.RUNNING,
            "score_rows": is_ready,
            "export": is_ready,
            "point_alias": is_ready,
            "ask_for_approval": is_ready
            and not is_approved
            and ApprovalRequest.Status.OPEN not in asked,
            "waive": Validation.WAIVED in NEXT_VALIDATIONS[validation],
            "quarantine": VersionStatus.QUARANTINED in onward and not is_held,
            "release": status is VersionStatus.QUARANTINED,
            "retire": VersionStatus.RETIRED in onward and not is_held,
        }
        return [name for name, makes_sense in chosen.items() if makes_sense]

    def _do(
        self, request: HttpRequest, object_id: str, question: Callable[[Any], Question], act: Act
    ) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            question,
            lambda version, said: act(
                self.principal(request, version.model.project), version, said
            ),
        )

    @action(
        description="Promote to champion",
        url_path="promote",
        permissions=["deploy"],
        icon="rocket_launch",
    )
    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make the version champion."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.promote(principal=principal, version=version, reason=said["reason"])
            return f"{version} is champion; endpoints follow within half a minute."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Promote {version} to champion?",
                "Endpoints of the model will answer with it. What is champion now can be "
                "brought back with one click.",
                "Promote",
                ReasonForm,
            ),
            act,
        )

    @action(
        description="Evaluate again", url_path="evaluate", permissions=["edit"], icon="fact_check"
    )
    def evaluate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then run the gates again."""

        def act(principal: Principal, version: ModelVersion, _: Mapping[str, Any]) -> str:
            job = services.request_evaluation(principal=principal, version=version)
            return f"{job.title}: the job is queued."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Run the gates of {version} again?",
                "They judge as they are now. Until the job has ended, the version counts as not "
                "validated and cannot be promoted; if it is champion, it stays champion.",
                "Evaluate",
            ),
            act,
        )

    @action(
        description="Score rows", url_path="score-rows", permissions=["edit"], icon="table_view"
    )
    def score_rows(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that asks which rows."""
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        return redirect(f"{reverse(SCORING_PAGE)}?model_version={version.pk}")

    @action(description="Export", url_path="export", permissions=["edit"], icon="ios_share")
    def export(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that asks in which form."""
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        return redirect(f"{reverse(EXPORT_PAGE)}?model_version={version.pk}")

    @action(description="Point an alias", url_path="alias", permissions=["deploy"], icon="label")
    def point_alias(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a name, then point it at the version."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.promote(principal=principal, version=version, **said)
            return f"'{said['alias']}' points at {version}."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Point an alias at {version}",
                "An alias is a name that programs can ask for; it points at one version at a time.",
                "Point",
                AliasForm,
            ),
            act,
        )

    @action(
        description="Ask for approval",
        url_path="ask-for-approval",
        permissions=["edit"],
        icon="how_to_reg",
    )
    def ask_for_approval(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask a second person to let the version become champion."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.request_approval(principal=principal, version=version, comment=said["comment"])
            return "Somebody else can approve it now."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Ask for an approval of {version}",
                "Another member who may deploy decides. The approval holds for exactly these files.",
                "Ask",
                CommentForm,
            ),
            act,
        )

    @action(
        description="Waive failed gates", url_path="waive", permissions=["administer"], icon="gavel"
    )
    def waive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then let the version through."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.waive(principal=principal, version=version, reason=said["reason"])
            return f"{version} may be promoted although gates failed."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Let {version} through although gates failed?",
                "Your name and the reason are kept on the audit trail.",
                "Waive",
                RequiredReasonForm,
                is_danger=True,
            ),
            act,
        )

    @action(description="Quarantine", url_path="quarantine", permissions=["deploy"], icon="block")
    def quarantine(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then forbid promotion."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.quarantine(principal=principal, version=version, reason=said["reason"])
            return f"{version} is in quarantine."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Put {version} in quarantine?",
                "It cannot be promoted until somebody releases it. Its approvals expire.",
                "Quarantine",
                RequiredReasonForm,
                is_danger=True,
            ),
            act,
        )

    @action(description="Release", url_path="release", permissions=["deploy"], icon="lock_open")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then allow promotion again."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.release(principal=principal, version=version, reason=said["reason"])
            return f"{version} is ready again."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Release {version} from quarantine?",
                "It may be promoted again.",
                "Release",
                RequiredReasonForm,
            ),
            act,
        )

    @action(description="Retire", url_path="retire", permissions=["deploy"], icon="archive")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then take the version out of use."""

        def act(principal: Principal, version: ModelVersion, said: Mapping[str, Any]) -> str:
            services.retire(principal=principal, version=version, reason=said["reason"])
            return f"{version} is retired."

        return self._do(
            request,
            object_id,
            lambda version: Question(
                f"Retire {version}?",
                "It is taken out of use for good. Its files, results and history stay.",
                "Retire",
                ReasonForm,
                is_danger=True,
            ),
            act,
        )

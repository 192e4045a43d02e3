"""Writing what came of a retraining: evidence, reason, decision, promotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.principals import Principal, system_principal
from accounts.selectors import principal_in_project
from core.errors import DomainError
from datasets.models import DatasetVersion
from models_registry.errors import AliasMoved, ApprovalNeeded
from models_registry.models import ModelVersion, Validation
from models_registry.services import promote, request_approval
from retraining import selectors
from retraining.champion_challenger import (
    Comparison,
    Decision,
    Outcome,
    challenger_level,
    decide,
)
from retraining.champion_challenger.contest import Contest
from retraining.execution.gathering import Labels, Request
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict


@dataclass(frozen=True, slots=True)
class Ending:
    """A verdict and the sentence that explains it."""

    verdict: RetrainVerdict
    reason: str


def record_shortage(
    *, principal: Principal, job_id: UUID, request: Request, labels: Labels
) -> RetrainDecision:
    """Record that there were too few labels, so that a person sees why nothing happened."""
    fresh, needed = len(labels.fresh), request.policy.min_labels
    return _record(
        principal=principal,
        job_id=job_id,
        request=request,
        ending=Ending(
            RetrainVerdict.NOT_ENOUGH_DATA,
            f"Only {fresh} labelled rows are new to the champion; the policy asks for {needed}.",
        ),
        evidence={
            "labels_of_endpoint": labels.joined,
            "labels_fresh": fresh,
            "labels_needed": needed,
            "labels_missing": needed - fresh,
        },
    )


def record_comparison(
    *,
    principal: Principal,
    job_id: UUID,
    request: Request,
    labels: Labels,
    contest: Contest,
    comparison: Comparison,
    challenger: ModelVersion,
    dataset_version: DatasetVersion,
    rows_added: int,
) -> RetrainDecision:
    """Judge a comparison at the level that is left, promote where it is deserved, record all of it.

    The level is taken here, under a lock of the policy, so that no two challengers are judged at
    the same one.
    """
    policy = RetrainPolicy.objects.select_for_update().get(pk=request.policy.pk)
    ordinal = selectors.next_ordinal(policy, except_job=job_id)
    level = challenger_level(policy.alpha, ordinal)
    decision = decide(comparison, level=level)
    ending = _end(request, decision, challenger, asked_by=principal)
    return _record(
        principal=principal,
        job_id=job_id,
        request=request,
        ending=ending,
        challenger=challenger,
        dataset_version=dataset_version,
        ordinal=ordinal,
        evidence={
            "labels_of_endpoint": labels.joined,
            "labels_fresh": len(labels.fresh),
            "labels_needed": policy.min_labels,
            "rows_added": rows_added,
            "alpha": policy.alpha,
            "ordinal": ordinal,
            "level": level,
            "loss": contest.loss.value,
            "threshold": decision.threshold,
            "outcome": decision.outcome.value,
            "decided_after_rows": decision.decided_after_rows,
            "wealth": decision.wealth,
            "harm_wealth": decision.harm_wealth,
            "further_rows": decision.further_rows,
            "validation": challenger.validation,
            "alert_advice": _advice(request, ending, challenger),
            "metrics": {
                "champion": dict(contest.champion_metrics),
                "challenger": dict(contest.challenger_metrics),
            },
            "comparison": comparison.to_dict(),
        },
    )


def record_failure(
    *,
    principal: Principal,
    job_id: UUID,
    request: Mapping[str, Any],
    reason: str,
    dataset_version: DatasetVersion | None = None,
) -> RetrainDecision | None:
    """Record that a retraining ended without an answer; None where its policy is gone."""
    policy = RetrainPolicy.objects.filter(pk=request["policy"]).first()
    if policy is None:
        return None
    decision, _ = RetrainDecision.objects.update_or_create(
        job_id=job_id,
        defaults={
            "policy": policy,
            "trigger": request["trigger"],
            "alert_id": request.get("alert"),
            "champion": selectors.champion_of(policy),
            "dataset_version": dataset_version,
            "verdict": RetrainVerdict.FAILED,
            "reason": reason,
        },
    )
    audit.record(
        principal=principal,
        action="retraining.failed",
        target=decision,
        summary=f"{policy.endpoint.name}: {reason}",
    )
    return decision


def _end(
    request: Request, decision: Decision, challenger: ModelVersion, *, asked_by: Principal
) -> Ending:
    """Turn the outcome into a verdict, and promote the challenger where that is the verdict.

    The system promotes, whoever asked for the retraining: it is the proof that decides.
    """
    champion = request.champion
    rows, wealth = decision.decided_after_rows, decision.wealth
    if decision.outcome is Outcome.INCONCLUSIVE:
        return Ending(
            RetrainVerdict.INCONCLUSIVE,
            f"The labelled rows do not tell {challenger} from {champion} clearly enough.",
        )
    if decision.outcome is Outcome.WORSE:
        return Ending(
            RetrainVerdict.KEPT, f"{challenger} proved worse than {champion} after {rows} rows."
        )
    proof = (
        f"{challenger} proved better than {champion} after {rows} labelled rows "
        f"(evidence {wealth:.1f}, needed {decision.threshold:.1f})"
    )
    if challenger.validation != Validation.PASSED:
        return Ending(RetrainVerdict.KEPT, f"{proof}, but did not pass its gates.")
    try:
        with transaction.atomic():
            promote(
                principal=system_principal(request.policy.endpoint.project),
                version=challenger,
                reason=f"{proof}.",
                expected_version=champion.pk,
            )
    except ApprovalNeeded:
        return Ending(
            RetrainVerdict.APPROVAL_NEEDED,
            f"{proof}. {_ask_for_approval(request, challenger, proof, asked_by=asked_by)}",
        )
    except AliasMoved:
        return Ending(RetrainVerdict.KEPT, f"{proof}, but another version was promoted meanwhile.")
    except DomainError as refusal:
        return Ending(RetrainVerdict.KEPT, f"{proof}, but: {refusal.message}")
    return Ending(RetrainVerdict.PROMOTED, f"{proof}.")


def _ask_for_approval(
    request: Request, challenger: ModelVersion, proof: str, *, asked_by: Principal
) -> str:
    """Ask a second person to approve the challenger; return what a person has to do next.

    Only persons can ask: who started the retraining, else who made the policy.
    """
    try:
        with transaction.atomic():
            request_approval(
                principal=_person(request.policy, asked_by), version=challenger, comment=f"{proof}."
            )
    except DomainError as refusal:
        return f"A second person must approve it; ask for that by hand: {refusal.message}"
    return "A second person was asked to approve it; promote it once that is done."


def _person(policy: RetrainPolicy, asked_by: Principal) -> Principal:
    author = policy.created_by
    if asked_by.user_id is not None or author is None:
        return asked_by
    return principal_in_project(author, policy.endpoint.project)


def _advice(request: Request, ending: Ending, challenger: ModelVersion) -> str:
    """Return what should become of the alert that started the retraining; empty without one.

    Alerts are resolved by persons. An alert of drift is about one champion's training data.
    """
    if request.alert is None:
        return ""
    if ending.verdict is RetrainVerdict.PROMOTED:
        return (
            f"The alert was about {request.champion}, which no longer serves: it can be resolved. "
            f"Should the traffic differ from the data of {challenger} too, that is a new alert."
        )
    return (
        f"The alert stays open: {request.champion} still serves traffic that it was not made for."
    )


def _record(
    *,
    principal: Principal,
    job_id: UUID,
    request: Request,
    ending: Ending,
    evidence: dict[str, Any],
    challenger: ModelVersion | None = None,
    dataset_version: DatasetVersion | None = None,
    ordinal: int | None = None,
) -> RetrainDecision:
    """Write the decision of a job; that of a failed attempt, which was tried again, is replaced."""
    decision, _ = RetrainDecision.objects.update_or_create(
        job_id=job_id,
        defaults={
            "policy": request.policy,
            "trigger": request.trigger,
            "alert": request.alert,
            "champion": request.champion,
            "challenger": challenger,
            "dataset_version": dataset_version,
            "ordinal": ordinal,
            "verdict": ending.verdict,
            "reason": ending.reason,
            "evidence": evidence,
        },
    )
    audit.record(
        principal=principal,
        action=f"retraining.{ending.verdict.value}",
        target=decision,
        summary=f"{request.policy.endpoint.name}: {ending.reason}",
        changes={
            "champion": request.champion.pk,
            "challenger": challenger.pk if challenger else None,
        },
    )
    return decision

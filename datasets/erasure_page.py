"""An erasure as a person reads it: what was found, how it went, what became of each thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from datasets.erasure import Advice, Finding
from datasets.models import ErasureRequest, ErasureStatus, VersionErasure

_TITLES = {
    "dataset_version": "Dataset versions",
    "stray_rows": "Rows that no version pins",
    "upload": "Uploaded files that were kept",
    "check_result": "Results of data checks",
    "dataset_text": "Checks, schemas and runs of sources that name the key",
    "quarantined_row": "Rows that could not be read",
    "source_position": "Sources",
    "recipe": "Recipes",
    "job_message": "Messages of jobs",
    "audit_event": "Audit trail",
    "run": "Runs",
    "model_version": "Model versions",
    "reference_sample": "Reference samples",
    "prediction": "Predictions",
    "damaged_log": "Damaged segments of the prediction log",
    "ground_truth": "Ground truth",
    "retrain_decision": "Retraining decisions",
}
_FATES = {
    Advice.ERASED: ("is erased", "was erased"),
    Advice.REBUILT: ("is rebuilt without the rows", "was rebuilt without the rows"),
    Advice.REMOVED: ("is removed", "was removed"),
    Advice.MARKED: ("is marked", "was marked"),
    Advice.NOTED: ("stays", "stayed"),
}


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding with the page that it is about."""

    label: str
    address: str
    rows: str
    fate: str
    detail: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The findings of a kind."""

    title: str
    lines: list[FindingLine]


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of the erasure; ``at`` is None while it is to come."""

    title: str
    at: datetime | None
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class DigestLine:
    """What became of a dataset version."""

    label: str
    address: str
    rows_removed: int
    row_count_before: int
    row_count_after: int
    sha256_before: str
    sha256_after: str


@dataclass(frozen=True, slots=True)
class ErasurePage:
    """An erasure prepared for its page."""

    found: list[FindingGroup]
    steps: list[Step]
    versions: list[DigestLine]
    models: list[FindingLine]
    left: list[FindingGroup]
    is_searched: bool
    has_begun: bool
    is_done: bool


def erasure_page(request: ErasureRequest, versions: Iterable[VersionErasure]) -> ErasurePage:
    """Return what the page of an erasure shows."""
    is_done = request.status == ErasureStatus.DONE
    found = [Finding.from_dict(one) for one in request.before]
    left = [Finding.from_dict(one) for one in request.after]
    return ErasurePage(
        found=_groups(found, is_done=is_done),
        steps=_steps(request),
        versions=[
            DigestLine(
                label=str(one.version),
                address=reverse("admin:datasets_datasetversion_change", args=[one.version_id]),
                rows_removed=one.rows_removed,
                row_count_before=one.row_count_before,
                row_count_after=one.row_count_after,
                sha256_before=one.sha256_before,
                sha256_after=one.sha256_after,
            )
            for one in versions
        ],
        models=[_line(one, is_done=is_done) for one in found if one.kind == "model_version"],
        left=_groups(left, is_done=False),
        is_searched=request.searched_at is not None,
        has_begun=request.began_at is not None,
        is_done=is_done,
    )


def _groups(found: Sequence[Finding], *, is_done: bool) -> list[FindingGroup]:
    kinds = dict.fromkeys([*(kind for kind in _TITLES), *(one.kind for one in found)])
    return [
        FindingGroup(
            title=_TITLES.get(kind, kind.replace("_", " ").capitalize()),
            lines=[_line(one, is_done=is_done) for one in found if one.kind == kind],
        )
        for kind in kinds
        if any(one.kind == kind for one in found)
    ]


def _line(one: Finding, *, is_done: bool) -> FindingLine:
    return FindingLine(
        label=one.label,
        address=_address(one.target),
        rows=_rows(one),
        fate=_FATES[one.advice][is_done],
        detail=one.detail,
    )


def _rows(one: Finding) -> str:
    if one.rows is None:
        return "–"
    return f"{one.rows:,}" if one.total is None else f"{one.rows:,} of {one.total:,}"


def _address(target: tuple[str, str] | None) -> str:
    """Return the admin page of what a finding is about; empty where there is none."""
    if target is None:
        return ""
    try:
        return reverse(f"admin:{target[0].replace('.', '_')}_change", args=[target[1]])
    except NoReverseMatch:
        return ""


def _steps(request: ErasureRequest) -> list[Step]:
    steps = [
        Step("Asked for", request.requested_at, _name(request.requested_by), request.reason),
        Step("Searched for", request.searched_at, "", "Nothing is changed by the search."),
    ]
    if request.status == ErasureStatus.WITHDRAWN:
        return [*steps, Step("Withdrawn", request.ended_at, _name(request.requested_by), "")]
    decided = "Rejected" if request.status == ErasureStatus.REJECTED else "Confirmed"
    steps.append(
        Step(decided, request.decided_at, _name(request.decided_by), request.decision_comment)
    )
    if request.status == ErasureStatus.REJECTED:
        return steps
    return [
        *steps,
        Step("Begun", request.began_at, "", "From here on there is no way back."),
        Step("Done", request.ended_at, "", "The key was wiped; its keyed hash stays."),
    ]


def _name(user: Any) -> str:
    return user.get_username() if isinstance(user, User) else ""

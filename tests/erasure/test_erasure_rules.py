"""Who may do what to an erasure, and when."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from core.errors import Forbidden
from datasets.errors import IllegalErasureMove, OtherPersonNeeded, RowsMoved, SubjectDiffers
from datasets.execution.erasure import move_erasure
from datasets.execution.recording import make_ready
from datasets.execution.writing import WrittenVersion
from datasets.models import (
    NEXT_ERASURE_STATUSES,
    Dataset,
    DatasetVersion,
    ErasureRequest,
    ErasureStatus,
)
from datasets.models.erasure import FINAL_ERASURE_STATUSES
from datasets.schema import Schema
from datasets.services import (
    confirm_erasure,
    reject_erasure,
    request_erasure,
    resume_erasure,
    search_again,
    withdraw_erasure,
)
from jobs.errors import JobCancelled
from jobs.execution import JobContext
from jobs.models import Job, JobStatus
from jobs.services import cancel
from tests.erasure.conftest import SUBJECT

RunJob = Callable[[Job], Job]


def test_no_erasure_moves_but_as_the_mapping_says() -> None:
    for of, to in product(ErasureStatus, ErasureStatus):
        if to in NEXT_ERASURE_STATUSES[of]:
            ErasureRequest(status=of).check_move(to)
            continue
        with pytest.raises(IllegalErasureMove):
            ErasureRequest(status=of).check_move(to)


@pytest.mark.parametrize(
    ("of", "to"),
    [(of, to) for of, onward in NEXT_ERASURE_STATUSES.items() for to in sorted(onward)],
)
def test_a_move_is_an_event_and_the_last_one_wipes_the_key(
    principal: Principal, waiting: ErasureRequest, of: ErasureStatus, to: ErasureStatus
) -> None:
    ErasureRequest.objects.filter(pk=waiting.pk).update(status=of)
    moved = move_erasure(principal=principal, request=waiting, to=to)
    assert moved.status == to
    assert bool(moved.subject_sealed) is (to not in FINAL_ERASURE_STATUSES)
    assert (moved.ended_at is not None) is (to in FINAL_ERASURE_STATUSES)
    assert AuditEvent.objects.filter(action=f"erasure.{to}").count() == 1


def test_the_first_person_is_refused_as_the_second(
    principal: Principal, waiting: ErasureRequest
) -> None:
    with pytest.raises(OtherPersonNeeded):
        confirm_erasure(principal=principal, request=waiting, subject=SUBJECT)
    with pytest.raises(OtherPersonNeeded):
        reject_erasure(principal=principal, request=waiting)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.job) == (ErasureStatus.SEARCHED, None)


def test_another_key_confirms_nothing(second: Principal, waiting: ErasureRequest) -> None:
    for wrong in (SUBJECT.lower(), f"{SUBJECT}0", "7731"):
        with pytest.raises(SubjectDiffers) as refused:
            confirm_erasure(principal=second, request=waiting, subject=wrong)
        assert wrong not in str(refused.value)
    waiting.refresh_from_db()
    assert waiting.status == ErasureStatus.SEARCHED
    assert waiting.decided_by is None
    assert not Job.objects.exists()


def test_what_is_rejected_has_no_key_and_can_be_asked_for_again(
    principal: Principal, second: Principal, waiting: ErasureRequest
) -> None:
    done = reject_erasure(principal=second, request=waiting, comment="no letter")
    assert (done.status, done.subject_sealed, done.decision_comment) == (
        "rejected",
        "",
        "no letter",
    )
    assert done.decided_by_id == second.user_id
    with pytest.raises(IllegalErasureMove):
        confirm_erasure(principal=second, request=waiting, subject=SUBJECT)
    with pytest.raises(IllegalErasureMove):
        withdraw_erasure(principal=principal, request=waiting)
    with pytest.raises(IllegalErasureMove):
        search_again(principal=principal, request=waiting)


def test_only_who_asked_withdraws(
    principal: Principal, second: Principal, waiting: ErasureRequest
) -> None:
    with pytest.raises(Forbidden):
        withdraw_erasure(principal=second, request=waiting)
    done = withdraw_erasure(principal=principal, request=waiting)
    assert (done.status, done.subject_sealed) == ("withdrawn", "")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_deciding_takes_an_administrator(
    principal_as: Callable[[Role], Principal], waiting: ErasureRequest, role: Role
) -> None:
    member = principal_as(role)
    with pytest.raises(Forbidden):
        confirm_erasure(principal=member, request=waiting, subject=SUBJECT)
    with pytest.raises(Forbidden):
        reject_erasure(principal=member, request=waiting)
    with pytest.raises(Forbidden):
        resume_erasure(principal=member, request=waiting)
    if role is Role.VIEWER:
        with pytest.raises(Forbidden):
            request_erasure(principal=member, subject=SUBJECT)


def test_an_erasure_that_is_cancelled_before_it_began_waits_for_its_confirmation_again(
    second: Principal, waiting: ErasureRequest, run_job: RunJob
) -> None:
    confirmed = confirm_erasure(principal=second, request=waiting, subject=SUBJECT)
    assert confirmed.job is not None
    cancel(principal=second, job=confirmed.job)
    confirmed.job.refresh_from_db()
    assert confirmed.job.status == JobStatus.CANCELLED
    waiting.refresh_from_db()
    assert (waiting.status, waiting.began_at) == (ErasureStatus.SEARCHED, None)
    assert waiting.subject_sealed
    again = confirm_erasure(principal=second, request=waiting, subject=SUBJECT)
    assert again.job is not None
    assert run_job(again.job).status == JobStatus.SUCCEEDED


def test_an_erasure_that_is_cancelled_while_it_looks_for_writers_changes_nothing(
    second: Principal, waiting: ErasureRequest, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: JobContext, fraction: float, message: str = "") -> None:
        if message == "looking for writers":
            raise JobCancelled("somebody cancelled it")

    monkeypatch.setattr(JobContext, "progress", stop)
    confirmed = confirm_erasure(principal=second, request=waiting, subject=SUBJECT)
    assert confirmed.job is not None
    assert run_job(confirmed.job).status == JobStatus.CANCELLED
    waiting.refresh_from_db()
    assert (waiting.status, waiting.began_at) == (ErasureStatus.SEARCHED, None)


def test_rows_that_were_written_to_the_former_table_are_refused(
    principal: Principal, project: object
) -> None:
    dataset = Dataset.objects.create(project_id=principal.project_id, name="d", lake_generation=1)
    version = DatasetVersion.objects.create(dataset=dataset, number=1)
    written = WrittenVersion(
        delta_version=0,
        row_count=1,
        size_bytes=1,
        sha256="0" * 64,
        schema=Schema(()),
        profile={},
        parent_id=None,
        lake_generation=0,
    )

    with pytest.raises(RowsMoved):
        make_ready(principal=principal, version=version, written=written, source={})
    version.refresh_from_db()
    assert version.status == "building"

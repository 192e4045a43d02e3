"""What becomes of a job that is carried out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from core.clock import now
from jobs import execution, services
from jobs.errors import ClaimLost, IdempotencyKeyReused, IllegalJobMove, JobKindUnknown
from jobs.models import Job, JobStatus

pytestmark = pytest.mark.django_db
Runner = Callable[[Job], Job]


@pytest.fixture
def ask(principal: Principal) -> Callable[..., Job]:
    """Return a function that asks for a job."""

    def enqueue(kind: str = "count_up", key: str | None = None, **arguments: object) -> Job:
        return services.enqueue(
            principal=principal, kind=kind, arguments=arguments, idempotency_key=key
        )

    return enqueue


def effects(job: Job) -> int:
    return job.log_lines.filter(text="took effect").count()


def test_a_job_ends_with_its_result_and_full_progress(
    ask: Callable[..., Job], run_job: Runner
) -> None:
    job = run_job(ask(steps=4))
    assert (job.status, job.result, job.progress) == (JobStatus.SUCCEEDED, {"steps": 4}, 1.0)
    assert job.finished_at is not None
    assert effects(job) == 1


def test_a_refusal_becomes_the_jobs_error_and_names_the_field(
    ask: Callable[..., Job], run_job: Runner
) -> None:
    job = run_job(ask("refuse"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "invalid")
    assert job.error_fields == [{"field": "colour", "detail": "The colour must be blue."}]
    assert job.log_lines.filter(text="told of: failed").exists()


def test_an_unforeseen_error_does_not_show_its_text(
    ask: Callable[..., Job], run_job: Runner
) -> None:
    job = run_job(ask("break_down"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal_error")
    assert "secret" not in job.error_message


def test_what_a_refused_end_wrote_is_undone(ask: Callable[..., Job], run_job: Runner) -> None:
    job = run_job(ask("refuse_at_the_end"))
    assert job.status == JobStatus.FAILED
    assert not job.log_lines.filter(text="must not stay").exists()


def test_a_job_is_claimed_once(ask: Callable[..., Job]) -> None:
    job = ask()
    assert execution.claim(job.pk, worker="first") is not None
    assert execution.claim(job.pk, worker="second") is None


def test_a_worker_that_was_overtaken_changes_nothing(ask: Callable[..., Job]) -> None:
    job = ask()
    slow = execution.claim(job.pk, worker="slow")
    assert slow is not None
    execution.put_back(slow, reason="it seemed dead")
    fast = execution.claim(job.pk, worker="fast")
    assert fast is not None
    execution.carry_out(slow)
    job.refresh_from_db()
    assert (job.status, effects(job)) == (JobStatus.RUNNING, 0)
    execution.carry_out(fast)
    job.refresh_from_db()
    assert (job.status, effects(job), job.attempt) == (JobStatus.SUCCEEDED, 1, 2)
    with pytest.raises(ClaimLost):
        execution.fail(slow, code="x", message="x")


def test_a_queued_job_is_cancelled_at_once(ask: Callable[..., Job], principal: Principal) -> None:
    job = services.cancel(principal=principal, job=ask())
    assert job.status == JobStatus.CANCELLED
    with pytest.raises(IllegalJobMove):
        services.cancel(principal=principal, job=job)


def test_a_running_job_that_was_cancelled_has_no_effect(
    ask: Callable[..., Job], principal: Principal
) -> None:
    job = ask()
    claim = execution.claim(job.pk, worker="w")
    assert claim is not None
    assert services.cancel(principal=principal, job=job).is_cancelling
    execution.carry_out(claim)
    job.refresh_from_db()
    assert (job.status, effects(job)) == (JobStatus.CANCELLED, 0)


def test_a_failed_job_can_be_tried_again(
    ask: Callable[..., Job], run_job: Runner, principal: Principal
) -> None:
    job = run_job(ask("refuse"))
    again = services.retry(principal=principal, job=job)
    assert (again.status, again.error_code, again.attempt) == (JobStatus.QUEUED, "", 0)
    with pytest.raises(IllegalJobMove):
        services.retry(principal=principal, job=run_job(ask()))


def test_the_same_key_gives_the_same_job(ask: Callable[..., Job]) -> None:
    assert ask(key="k", steps=1).pk == ask(key="k", steps=1).pk
    with pytest.raises(IdempotencyKeyReused):
        ask(key="k", steps=2)


def test_an_unknown_kind_is_refused(ask: Callable[..., Job]) -> None:
    with pytest.raises(JobKindUnknown):
        ask("import os")


def test_a_job_without_heartbeat_is_put_back_by_the_age_of_its_claim(
    ask: Callable[..., Job],
) -> None:
    job = ask()
    execution.claim(job.pk, worker="dies at once")
    assert execution.reconcile().put_back == ()
    Job.objects.filter(pk=job.pk).update(claimed_at=now() - timedelta(minutes=5))
    found = execution.reconcile()
    assert found.put_back == (job.pk,)
    assert (job.pk, "default") in found.to_ring


def test_a_beating_job_is_left_alone(ask: Callable[..., Job]) -> None:
    job = ask()
    execution.claim(job.pk, worker="w")
    Job.objects.filter(pk=job.pk).update(claimed_at=now() - timedelta(hours=1), heartbeat_at=now())
    assert execution.reconcile().put_back == ()


def test_a_poisoned_job_fails_after_its_last_attempt(
    ask: Callable[..., Job], settings: Settings
) -> None:
    job = ask()
    for attempt in range(1, settings.JOB_MAX_ATTEMPTS + 1):
        claim = execution.claim(job.pk, worker="w")
        assert claim is not None
        execution.put_back(claim, reason="The worker died.")
        job.refresh_from_db()
        last = attempt == settings.JOB_MAX_ATTEMPTS
        assert job.status == (JobStatus.FAILED if last else JobStatus.QUEUED)
    assert job.error_code == "worker_lost"


def test_a_freshly_announced_job_is_not_announced_again(ask: Callable[..., Job]) -> None:
    job = ask()
    assert execution.reconcile().to_ring == ((job.pk, "default"),)
    Job.objects.filter(pk=job.pk).update(rung_at=now())
    assert execution.reconcile().to_ring == ()


def test_asking_for_a_job_is_on_the_audit_trail(ask: Callable[..., Job]) -> None:
    job = ask()
    assert AuditEvent.objects.filter(action="job.asked", target_id=str(job.pk)).count() == 1


def test_a_viewer_cannot_cancel(
    ask: Callable[..., Job], principal_as: Callable[[Role], Principal], api: Callable[..., object]
) -> None:
    job = ask()
    client = api(Role.VIEWER)
    assert client.post(f"/api/v1/jobs/{job.pk}/cancel/").status_code == 403  # type: ignore[attr-defined]
    assert client.get(f"/api/v1/jobs/{job.pk}/").json()["status"] == "queued"  # type: ignore[attr-defined]
    assert client.get(f"/api/v1/jobs/{uuid.uuid4()}/").status_code == 404  # type: ignore[attr-defined]

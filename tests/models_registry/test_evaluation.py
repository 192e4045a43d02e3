"""Evaluation: the gates of a stored version are run again, from its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.principals import Principal
from core.blobs import default_store
from jobs import services as jobs
from jobs.models import Job, JobStatus
from models_registry import services
from models_registry.errors import IllegalVersionMove, VersionNotReady
from models_registry.models import ModelVersion, RegisteredModel, Validation, VersionStatus
from tests.models_registry.conftest import MakeVersion
from tests.models_registry.fitting import validated

RunJob = Callable[[Job], Job]


def test_a_version_is_judged_again_from_its_stored_files(
    make_version: MakeVersion, principal: Principal, run_job: RunJob
) -> None:
    version = make_version()
    job = services.request_evaluation(principal=principal, version=version)
    version.refresh_from_db()
    assert version.validation == Validation.RUNNING
    done = run_job(job)
    assert done.status == JobStatus.SUCCEEDED, done.error_message
    assert done.result == {"model_version": version.pk, "validation": "passed"}
    version.refresh_from_db()
    assert version.validation == Validation.PASSED
    current = version.gate_results.filter(is_current=True)
    assert current.count() == 4
    parity = current.get(kind="wire_parity")
    assert parity.detail["rows"] == 100
    assert "on 100 rows" in parity.reason


def test_the_gates_of_now_judge(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal, run_job: RunJob
) -> None:
    version = make_version()
    gate = model.gates.get(metric="roc_auc")
    services.change_gate(principal=principal, gate=gate, threshold=0.99)
    run_job(services.request_evaluation(principal=principal, version=version))
    version.refresh_from_db()
    assert version.validation == Validation.FAILED
    services.change_gate(principal=principal, gate=gate, threshold=0.6)
    run_job(services.request_evaluation(principal=principal, version=version))
    version.refresh_from_db()
    assert version.validation == Validation.PASSED


@pytest.mark.parametrize("damage", ["gone", "changed", "exchanged", "reference"])
def test_files_that_cannot_be_used_fail_their_gates_not_the_job(
    damage: str,
    make_version: MakeVersion,
    principal: Principal,
    run_job: RunJob,
    lake_home: Path,
) -> None:
    version = make_version()
    digest = version.reference_digest if damage == "reference" else version.artifact_digest
    path = lake_home / "blobs" / digest[:2] / digest[2:4] / digest
    path.chmod(0o640)
    if damage in ("gone", "reference"):
        path.unlink()
    elif damage == "changed":
        path.write_bytes(path.read_bytes() + b"!")
    else:
        path.write_bytes(b"\x80\x05.")
    done = run_job(services.request_evaluation(principal=principal, version=version))
    assert done.status == JobStatus.SUCCEEDED, done.error_message
    version.refresh_from_db()
    assert version.validation == Validation.FAILED
    failed = version.gate_results.filter(is_current=True, passed=False)
    assert {result.kind for result in failed} == {"wire_parity", "serialization"}
    assert all(result.reason for result in failed)


def test_a_runtime_that_cannot_be_loaded_fails_its_gate(
    make_version: MakeVersion, principal: Principal, run_job: RunJob
) -> None:
    version = make_version(runtime="onnx")  # and no ONNX file
    run_job(services.request_evaluation(principal=principal, version=version))
    failed = version.gate_results.get(is_current=True, passed=False)
    assert failed.kind == "wire_parity"
    assert "its runtime cannot be loaded" in failed.reason


def test_an_evaluation_that_breaks_leaves_what_was_known(
    make_version: MakeVersion, principal: Principal, run_job: RunJob
) -> None:
    version = make_version(reference_digest=default_store().put_bytes(b"no table").digest)
    done = run_job(services.request_evaluation(principal=principal, version=version))
    assert done.status == JobStatus.FAILED
    version.refresh_from_db()
    assert version.validation == Validation.PASSED


@pytest.mark.parametrize("metrics", [{}, {"roc_auc": 0.5}])
def test_an_evaluation_that_is_cancelled_leaves_what_was_known(
    metrics: dict[str, Any], make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version(metrics=metrics)
    before = version.validation
    job = services.request_evaluation(principal=principal, version=version)
    jobs.cancel(principal=principal, job=job)
    version.refresh_from_db()
    assert version.validation == before
    assert version.gate_results.filter(is_current=True).count() == 4


def test_a_version_never_judged_goes_back_to_not_run(
    make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version(judged=False)
    job = services.request_evaluation(principal=principal, version=version)
    jobs.cancel(principal=principal, job=job)
    version.refresh_from_db()
    assert version.validation == Validation.NOT_RUN


def test_the_gates_run_once_at_a_time(make_version: MakeVersion, principal: Principal) -> None:
    version = make_version()
    first = services.request_evaluation(
        principal=principal, version=version, idempotency_key="again"
    )
    same = services.request_evaluation(
        principal=principal, version=version, idempotency_key="again"
    )
    assert same == first
    with pytest.raises(IllegalVersionMove, match="being run already"):
        services.request_evaluation(principal=principal, version=version)
    assert Job.objects.filter(kind="evaluate").count() == 1


@pytest.mark.parametrize("status", list(VersionStatus))
def test_only_versions_with_files_in_use_are_evaluated(
    status: VersionStatus, make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    ModelVersion.objects.filter(pk=version.pk).update(status=status)
    if status in (VersionStatus.READY, VersionStatus.QUARANTINED):
        assert services.request_evaluation(principal=principal, version=version)
        return
    with pytest.raises(VersionNotReady):
        services.request_evaluation(principal=principal, version=version)


def test_a_version_that_is_gone_fails_the_job_with_its_reason(
    make_version: MakeVersion, principal: Principal, run_job: RunJob
) -> None:
    version = make_version()
    job = services.request_evaluation(principal=principal, version=version)
    version.delete()
    done = run_job(job)
    assert (done.status, done.error_code) == (JobStatus.FAILED, "not_found")


def test_validation_before_registration_measures_what_production_will_do() -> None:
    outcome = validated("logistic", "binary")
    wire, reload = outcome.measurements.wire, outcome.measurements.reload
    assert (wire.rows, reload.rows) == (100, 100)
    assert wire.largest is not None
    assert wire.largest <= 1e-5
    assert reload.largest == 0.0
    assert outcome.runtime_report["chosen"] == outcome.runtime == "linear"

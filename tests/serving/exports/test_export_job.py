"""Exports through services, jobs, REST and the admin."""

from __future__ import annotations

import hashlib
import io
import itertools
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.errors import PermissionMissing
from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.clock import now
from jobs.errors import JobCancelled
from jobs.execution import JobContext
from jobs.models import Job
from jobs.services import retry
from models_registry.services import quarantine
from serving import services
from serving.errors import ExportDisproved, IllegalExportMove, ModelNotUsable
from serving.execution.exporting import mobile
from serving.execution.exporting.comparing import compare_dialects
from serving.execution.exporting.server import Interpreter, running
from serving.exporting.rows import made_up_rows
from serving.models import NEXT_EXPORT_STATUSES, ModelExport
from serving.standalone import Application, StandaloneModel
from tests.serving.exports.conftest import Export, unpacked
from tests.serving.exports.serving_threads import served
from tests.serving.versions import in_memory, register

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
Run = Callable[[Job], Job]


def url(export: ModelExport, end: str = "") -> str:
    return f"/api/v1/model-versions/{export.model_version_id}/exports/{export.pk}/{end}"


class Quiet:
    """A context of a job that is asked to stop after some time."""

    def __init__(self, ends_after: int = 10**9) -> None:
        self._left = ends_after

    def progress(self, *_: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise JobCancelled


def quiet(ends_after: int = 10**9) -> JobContext:
    return cast("JobContext", Quiet(ends_after))


def test_a_mobile_model_is_made_tried_and_can_be_verified(export: Export, tmp_path: Path) -> None:
    made = export("hist_gradient_boosting", "multiclass", kind="onnx-mobile")
    assert made.job is not None
    assert (made.job.status, made.job.error_message) == ("succeeded", "")
    found = made.smoke_test
    assert {one["file"] for one in found["parity"]} == {"model.onnx", "model.ort"}
    assert {one["kind"] for one in found["parity"]} == {"made up", "random", "edge", "missing"}
    assert all(one["passed"] and one["rows"] > 0 for one in found["parity"])
    assert max(one["largest_difference"] for one in found["parity"]) <= found["tolerance"]
    (verified,) = found["checks"]
    assert verified["what"].count("from scikit-learn's answers") == 2
    folder = unpacked(made, tmp_path / "out")
    assert (folder / "model.ort").read_bytes()[4:8] == b"ORTM"
    assert "TreeEnsembleClassifier" in (folder / "required_operators.config").read_text()
    assert str(tmp_path) not in (folder / "required_operators.config").read_text()
    assert made.model_version.artifact_digest in (folder / "MODEL_CARD.md").read_text()
    event = AuditEvent.objects.get(action="model_export.made")
    assert event.changes["digest"] == made.digest


def test_what_differs_from_scikit_learn_is_not_given_out(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mobile, "TOLERANCE", -1.0)
    made = export("logistic", kind="onnx-mobile")
    assert made.job is not None
    assert (made.job.status, made.job.error_code) == ("failed", "export_disproved")
    assert (made.status, made.digest) == ("failed", "")
    assert not made.smoke_test["passed"]
    assert "differs from scikit-learn" in made.smoke_test["problems"][0]
    assert made.smoke_test["problems"][0] in made.job.error_message


def test_a_failed_export_can_be_tried_again(
    export: Export, monkeypatch: pytest.MonkeyPatch, run_job: Run, principal: Principal
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mobile, "TOLERANCE", -1.0)
        made = export("logistic", kind="onnx-mobile")
    assert made.job is not None
    run_job(retry(principal=principal, job=made.job))
    made.refresh_from_db()
    assert (made.status, made.smoke_test["passed"]) == ("ready", True)


def test_an_export_that_is_cancelled_leaves_no_archive(principal: Principal, run_job: Run) -> None:
    made = services.export_model_version(principal=principal, model_version=register(principal))
    assert made.job is not None
    Job.objects.filter(pk=made.job.pk).update(cancel_requested_at=now())
    assert run_job(made.job).status == "cancelled"
    made.refresh_from_db()
    assert (made.status, made.digest) == ("failed", "")


@pytest.mark.process
def test_a_server_that_is_starting_ends_when_the_job_is_cancelled(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text("import time; print('here', flush=True); time.sleep(600)")
    before = set(psutil.Process().children(recursive=True))
    python = Interpreter(sys.executable, "3", "1")
    with (
        pytest.raises(JobCancelled),
        running(tmp_path, python, context=quiet(3), log=tmp_path / "log"),
    ):
        raise AssertionError("it is never ready")
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.process
def test_a_server_that_does_not_start_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text("raise SystemExit('no such module')")
    python = Interpreter(sys.executable, "3", "1")
    with (
        pytest.raises(ExportDisproved, match="ended with code 1"),
        running(tmp_path, python, context=quiet(), log=tmp_path / "log"),
    ):
        raise AssertionError("it is never ready")
    assert "no such module" in (tmp_path / "log").read_text()


def test_a_server_with_another_model_is_found_out() -> None:
    loaded, other = in_memory("logistic"), in_memory("random_forest")
    site, wrong = (
        StandaloneModel(
            name="churn",
            version_number=3,
            described={"id": 7, "model": "churn", "number": 3},
            signature=loaded.signature,
            runtime=one.runtime,
            runtime_name=one.runtime.name,
            most_bytes=1 << 20,
            most_rows=1000,
        )
        for one in (loaded, other)
    )
    kinds = {"made up": made_up_rows(loaded.signature, 20, np.random.default_rng(3))}
    with served(Application(site)) as address:
        lines, refused = compare_dialects(address, site, kinds, quiet())
        assert all(one["passed"] for one in lines)
        assert refused["passed"]
    with served(Application(wrong)) as address:
        lines, _ = compare_dialects(address, site, kinds, quiet())
    assert not any(one["passed"] for one in lines if "probabilities" in one["dialect"])
    with pytest.raises(ExportDisproved, match="did not answer"):
        compare_dialects(address, site, kinds, quiet())


def test_all_moves_of_an_export_are_those_of_the_mapping() -> None:
    for source, target in itertools.product(ModelExport.Status, repeat=2):
        export = ModelExport(status=source)
        if target in NEXT_EXPORT_STATUSES[source]:
            export.check_move(target)
        else:
            with pytest.raises(IllegalExportMove):
                export.check_move(target)


def test_it_is_asked_for_looked_at_and_downloaded_by_rest(
    api: Api, principal: Principal, run_all_jobs: Any, django_assert_max_num_queries: Any
) -> None:
    version = register(principal)
    client, address = api(Role.EDITOR), f"/api/v1/model-versions/{version.pk}/exports/"
    wanted = {"kind": "onnx-mobile"}
    answers = [
        client.post(address, wanted, format="json", headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0]["Location"] == answers[1]["Location"]
    other = client.post(address, {}, format="json", headers={"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    made = ModelExport.objects.select_related("model_version").get()
    early = client.get(url(made, "download/"))
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    run_all_jobs()
    made.refresh_from_db()
    viewer = api(Role.VIEWER)
    with django_assert_max_num_queries(8):
        (listed,) = viewer.get(address, {"status": "ready"}).json()["results"]
    assert listed == viewer.get(url(made)).json()
    assert (listed["kind"], listed["server"], listed["digest"]) == ("onnx-mobile", "", made.digest)
    assert listed["smoke_test"]["passed"]
    sent = viewer.get(url(made, "download/"))
    data = b"".join(sent.streaming_content)  # type: ignore[attr-defined]
    assert hashlib.sha256(data).hexdigest() == made.digest
    assert (sent["ETag"], sent["Content-Length"]) == (f'"{made.digest}"', str(len(data)))
    assert sent["Content-Disposition"] == 'attachment; filename="churn-v1-mobile.zip"'
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    assert viewer.post(address, wanted, format="json").status_code == 403


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "pickle"}, "kind"),
        ({"server": "gunicorn"}, "server"),
        ({"kind": "onnx-mobile", "server": "flask"}, "server"),
    ],
)
def test_what_is_no_form_is_refused_by_field(
    api: Api, principal: Principal, wanted: dict[str, str], field: str
) -> None:
    version = register(principal)
    address = f"/api/v1/model-versions/{version.pk}/exports/"
    refused = api().post(address, wanted, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert not ModelExport.objects.exists()


def test_who_may_not_and_what_cannot_be_exported_is_refused(
    api: Api, principal: Principal, principal_as: Any, other_project: Project
) -> None:
    version = register(principal)
    with pytest.raises(PermissionMissing):
        services.export_model_version(principal=principal_as(Role.VIEWER), model_version=version)
    foreign = api(in_project=other_project)
    address = f"/api/v1/model-versions/{version.pk}/exports/"
    assert foreign.get(address).status_code == 404
    assert foreign.post(address, {}, format="json").status_code == 404
    quarantine(principal=principal, version=version, reason="looks odd")
    version.refresh_from_db()
    with pytest.raises(ModelNotUsable):
        services.export_model_version(principal=principal, model_version=version)


def test_a_version_that_is_put_aside_before_its_turn_is_not_exported(
    principal: Principal, run_job: Run
) -> None:
    version = register(principal)
    made = services.export_model_version(principal=principal, model_version=version)
    quarantine(principal=principal, version=version, reason="looks odd")
    assert made.job is not None
    done = run_job(made.job)
    assert (done.status, done.error_code) == ("failed", "model_not_usable")


def test_it_is_asked_for_looked_at_and_downloaded_in_the_admin(
    client: Any, admin_user_: Any, principal: Principal, run_all_jobs: Any
) -> None:
    version = register(principal)
    client.force_login(admin_user_)
    offered = reverse("admin:models_registry_modelversion_export", args=[version.pk])
    change = reverse("admin:models_registry_modelversion_change", args=[version.pk])
    assert offered in client.get(change).content.decode()
    add = client.get(offered)["Location"]
    assert add.endswith(f"?model_version={version.pk}")
    assert client.get(add).status_code == 200
    asked = client.post(add, {"model_version": version.pk, "target": "onnx-mobile"})
    export = ModelExport.objects.get()
    page = reverse("admin:serving_modelexport_change", args=[export.pk])
    download = reverse("admin:serving_modelexport_download", args=[export.pk])
    assert asked["Location"] == page
    waiting = client.get(page).content.decode()
    assert "Being made" in waiting
    assert download not in waiting
    assert client.get(download).status_code == 302
    run_all_jobs()
    shown = client.get(page).content.decode()
    assert "Ready to be downloaded" in shown
    assert "model.ort" in shown
    assert download in shown
    sent = client.get(download)
    assert sent["Content-Type"] == "application/zip"
    assert b"".join(sent.streaming_content)[:2] == b"PK"
    assert client.get(reverse("admin:serving_modelexport_changelist")).status_code == 200
    wrong = client.post(add, {"model_version": 10**6, "target": "onnx-mobile"})
    assert (wrong.status_code, ModelExport.objects.count()) == (200, 1)


def test_a_damaged_archive_is_not_sent(export: Export, api: Api, lake_home: Path) -> None:
    made = export("logistic", kind="onnx-mobile")
    kept = next((lake_home / "blobs").rglob(made.digest))
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    refused = api().get(url(made, "download/"))
    assert (refused.status_code, refused.json()["code"]) == (503, "blob_corrupt")
    kept.unlink()
    assert api().get(url(made, "download/")).status_code == 404

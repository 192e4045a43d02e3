"""Exports are deleted, and their archives with them unless something else keeps the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from accounts.errors import PermissionMissing
from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.blobs import default_store
from experiments.services import create_run, get_or_create_experiment, log_artifact
from jobs.errors import IdempotencyKeyReused
from jobs.models import Job, JobStatus
from jobs.services import retry
from models_registry.models import ModelVersion
from serving import services
from serving.errors import ExportUnderWay
from serving.models import ModelExport
from tests.serving.exports.conftest import Export
from tests.serving.versions import register

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
ARCHIVE = b"PK of an archive"


@pytest.fixture
def version(principal: Principal) -> ModelVersion:
    return register(principal)


def kept(version: ModelVersion, **values: Any) -> ModelExport:
    """Return an export that is ready, with its archive in the storage."""
    blob = default_store().put_bytes(ARCHIVE)
    given = {
        "project": version.model.project,
        "kind": "onnx-mobile",
        "status": "ready",
        "digest": blob.digest,
        "size_bytes": blob.size_bytes,
    }
    return ModelExport.objects.create(model_version=version, **{**given, **values})


def address(export: ModelExport) -> str:
    return f"/api/v1/model-versions/{export.model_version_id}/exports/{export.pk}/"


def test_a_deleted_export_is_gone_with_its_archive_and_on_record(
    version: ModelVersion,
    principal: Principal,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    export = kept(version)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_export(principal=principal, export=export)
        assert default_store().exists(export.digest)  # a transaction may still be undone
    assert not ModelExport.objects.exists()
    assert not default_store().exists(export.digest)
    event = AuditEvent.objects.get(action="model_export.deleted")
    assert event.target_id == str(export.pk)
    assert event.changes["digest"] == export.digest


def test_bytes_that_another_export_has_stay(
    version: ModelVersion,
    principal: Principal,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first, second = kept(version), kept(version)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_export(principal=principal, export=first)
    assert default_store().read(second.digest) == ARCHIVE
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_export(principal=principal, export=second)
    assert not default_store().exists(second.digest)


@pytest.mark.parametrize("keeper", ["run", "version"])
def test_bytes_that_a_run_or_a_version_keeps_stay(
    keeper: str,
    version: ModelVersion,
    principal: Principal,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    export = kept(version)
    if keeper == "run":
        experiment = get_or_create_experiment(principal=principal, name="e")
        run = create_run(principal=principal, experiment=experiment, name="r")
        log_artifact(run, path="export.zip", data=ARCHIVE, content_type="application/zip")
    else:
        ModelVersion.objects.filter(pk=version.pk).update(reference_digest=export.digest)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_export(principal=principal, export=export)
    assert not ModelExport.objects.exists()
    assert default_store().read(export.digest) == ARCHIVE


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_an_export_that_is_being_made_is_not_deleted(
    status: JobStatus, version: ModelVersion, principal: Principal
) -> None:
    export = services.export_model_version(principal=principal, model_version=version)
    if status == JobStatus.RUNNING:
        Job.objects.filter(model_export=export).update(status=status, claim_token=export.job_id)
    with pytest.raises(ExportUnderWay, match="Cancel the job"):
        services.delete_export(principal=principal, export=export)
    assert ModelExport.objects.filter(pk=export.pk).exists()


def test_a_retried_job_of_a_deleted_export_fails_in_words(
    version: ModelVersion, principal: Principal, run_job: Callable[[Job], Job]
) -> None:
    export = services.export_model_version(principal=principal, model_version=version)
    job = export.job
    Job.objects.filter(model_export=export).update(status="failed", finished_at=export.created_at)
    services.delete_export(principal=principal, export=ModelExport.objects.get())
    assert job is not None
    job.refresh_from_db()
    done = run_job(retry(principal=principal, job=job))
    assert (done.status, done.error_message) == ("failed", "There is no such export.")


def test_a_key_whose_export_was_deleted_is_not_taken_again(
    version: ModelVersion, principal: Principal
) -> None:
    export = services.export_model_version(
        principal=principal, model_version=version, idempotency_key="k"
    )
    Job.objects.filter(model_export=export).update(status="failed", finished_at=export.created_at)
    services.delete_export(principal=principal, export=ModelExport.objects.get())
    with pytest.raises(IdempotencyKeyReused, match="was deleted"):
        services.export_model_version(
            principal=principal, model_version=version, idempotency_key="k"
        )
    assert not ModelExport.objects.exists()


def test_an_archive_that_was_freed_while_it_was_made_again_is_stored_again(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment in which a job finds the bytes stored and the one in which it records them."""
    store = type(default_store())
    put_file = store.put_file
    puts: list[str] = []

    def put_and_lose(self: Any, path: Any) -> Any:
        blob = put_file(self, path)
        puts.append(blob.digest)
        if len(puts) == 1:
            self.remove(blob.digest)
        return blob

    monkeypatch.setattr(store, "put_file", put_and_lose)
    made = export("logistic", kind="onnx-mobile")
    assert made.status == "ready"
    assert puts == [made.digest] * 2
    assert default_store().exists(made.digest)


def test_rest_deletes_for_editors_of_the_project_only(
    version: ModelVersion, api: Api, other_project: Project, principal: Principal
) -> None:
    export = kept(version)
    assert api(Role.VIEWER).delete(address(export)).status_code == 403
    assert api(in_project=other_project).delete(address(export)).status_code == 404
    assert ModelExport.objects.filter(pk=export.pk).exists()
    assert api(Role.EDITOR).delete(address(export)).status_code == 204
    assert api(Role.EDITOR).delete(address(export)).status_code == 404
    building = services.export_model_version(principal=principal, model_version=version)
    refused = api(Role.EDITOR).delete(address(building))
    assert (refused.status_code, refused.json()["code"]) == (409, "export_under_way")


def test_a_viewer_may_not_delete(
    version: ModelVersion, principal_as: Callable[[Role], Principal]
) -> None:
    export = kept(version)
    with pytest.raises(PermissionMissing):
        services.delete_export(principal=principal_as(Role.VIEWER), export=export)


def test_the_admin_asks_before_it_deletes(
    version: ModelVersion, client: Client, admin_user_: User, principal: Principal
) -> None:
    client.force_login(admin_user_)
    building = services.export_model_version(principal=principal, model_version=version)
    export = kept(version)
    remove = reverse("admin:serving_modelexport_remove", args=[export.pk])
    page = client.get(reverse("admin:serving_modelexport_change", args=[export.pk]))
    assert remove in page.content.decode()
    page = client.get(reverse("admin:serving_modelexport_change", args=[building.pk]))
    assert reverse("admin:serving_modelexport_remove", args=[building.pk]) not in (
        page.content.decode()
    )
    assert "The archive and what was tried on it go." in client.get(remove).content.decode()
    assert ModelExport.objects.filter(pk=export.pk).exists()
    done = client.post(remove, follow=True)
    assert done.redirect_chain[-1][0] == reverse("admin:serving_modelexport_changelist")
    assert "was deleted" in done.content.decode()
    assert not ModelExport.objects.filter(pk=export.pk).exists()


def test_a_viewer_is_not_offered_the_deletion(
    version: ModelVersion, staff: Callable[..., Client]
) -> None:
    export = kept(version)
    remove = reverse("admin:serving_modelexport_remove", args=[export.pk])
    viewer = staff(Role.VIEWER)
    page = viewer.get(reverse("admin:serving_modelexport_change", args=[export.pk]))
    assert remove not in page.content.decode()
    assert viewer.post(remove).status_code == 403
    assert ModelExport.objects.filter(pk=export.pk).exists()

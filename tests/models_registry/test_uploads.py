"""Uploading a model: from the file to a version with gates, and what is refused on the way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets.models import DatasetVersion
from datasets.services import create_dataset, upload_version
from jobs.models import Job
from models_registry import services
from models_registry.loading import load_version
from models_registry.models import ModelVersion, RegisteredModel, Validation
from models_registry.signatures import Signature, columns_from_records
from tests.models_registry import onnx_files as files

RunJob = Callable[[Job], Job]
Upload = Callable[..., Job]
NAMES = ["size", "weight", "age"]
SIGNATURE: Mapping[str, Any] = {"inputs": NAMES, "classes": ["no", "yes"]}
ADDRESS = "/api/v1/model-versions/"


@pytest.fixture
def labelled(principal: Principal, run_job: RunJob) -> DatasetVersion:
    """Rows with the true answers of the classifiers; one row lacks a number."""
    rows, classes = files.data()
    lines = [",".join([*NAMES, "churn", "worth"])]
    lines += [
        f"{row[0]},{row[1]},{row[2]},{'yes' if one else 'no'},{10 * one + row[0]}"
        for row, one in zip(rows.tolist(), classes.tolist(), strict=True)
    ]
    lines.append(",1.0,2.0,yes,10.0")
    dataset = create_dataset(principal=principal, name="customers")
    job = upload_version(
        principal=principal,
        dataset=dataset,
        file=io.BytesIO("\n".join(lines).encode()),
        filename="customers.csv",
    )
    done = run_job(job)
    return DatasetVersion.objects.get(pk=done.result["dataset_version"])


@pytest.fixture
def upload(principal: Principal) -> Upload:
    """Return a function that uploads a file for the model ``churn``."""

    def ask(data: bytes, **wishes: Any) -> Job:
        return services.upload_model(
            principal=wishes.pop("by", principal),
            file=SimpleUploadedFile("net.onnx", data),
            **{"model": "churn", "task": "classification", **wishes},
        )

    return ask


def test_a_model_is_measured_on_labelled_rows_and_passes_the_gates(
    upload: Upload, labelled: DatasetVersion, run_job: RunJob, principal: Principal
) -> None:
    data = files.from_skl2onnx(zipmap=True)
    job = upload(data, signature=SIGNATURE, dataset_version=labelled, target="churn")
    done = run_job(job)
    assert done.status == "succeeded", done.error_message
    version = ModelVersion.objects.get(pk=done.result["model_version"])
    assert version.validation == Validation.PASSED, list(version.gate_results.values())
    assert version.is_uploaded
    assert version.runtime == "uploaded"
    assert version.metrics["roc_auc"] > 0.9
    assert version.metrics["log_loss"] < version.baseline_metrics["log_loss"]
    assert version.upload["evaluated_rows"] == 240  # the row with a hole does not fit
    assert version.upload["producer"].startswith("skl2onnx")
    assert version.signature["output_name"] == "churn"
    assert version.created_by_id == principal.user_id
    runtime = load_version(version)
    row = {"size": 2.0, "weight": -2.0, "age": 0.0}
    asked = columns_from_records(Signature.from_dict(version.signature), [row])
    assert runtime.predict(asked).labels == ["yes"]
    again = run_job(services.request_evaluation(principal=principal, version=version))
    assert again.result["validation"] == Validation.PASSED


def test_without_rows_the_gates_that_need_them_are_not_measured(
    upload: Upload, run_job: RunJob, principal: Principal
) -> None:
    done = run_job(upload(files.like_pytorch().SerializeToString()))
    assert done.status == "succeeded", done.error_message
    version = ModelVersion.objects.get(pk=done.result["model_version"])
    assert version.validation == Validation.INCOMPLETE
    said = {result.kind: (result.passed, result.measured) for result in version.gate_results.all()}
    assert said == {
        "metric": (False, False),
        "baseline": (False, False),
        "wire_parity": (True, True),
        "serialization": (True, True),
    }
    with pytest.raises(DomainError, match="gates"):
        services.promote(principal=principal, version=version)
    services.waive(principal=principal, version=version, reason="measured where it was made")
    services.promote(principal=principal, version=version)
    again = run_job(services.request_evaluation(principal=principal, version=version))
    assert again.result["validation"] == Validation.INCOMPLETE


def test_a_regressor_is_measured_too(
    upload: Upload, labelled: DatasetVersion, run_job: RunJob
) -> None:
    wishes = {"model": "worth", "task": "regression", "signature": {"inputs": NAMES}}
    done = run_job(upload(files.regressor(), **wishes, dataset_version=labelled, target="worth"))
    assert done.status == "succeeded", done.error_message
    version = ModelVersion.objects.get(pk=done.result["model_version"])
    assert version.validation == Validation.PASSED, list(version.gate_results.values())
    assert version.metrics["r2"] > 0.5
    assert version.signature["classes"] is None


def test_a_target_that_the_model_takes_as_an_input_is_refused(
    upload: Upload, labelled: DatasetVersion, run_job: RunJob
) -> None:
    with pytest.raises(DomainError, match="target cannot be an input"):
        upload(
            files.regressor(),
            task="regression",
            signature={"inputs": NAMES},
            dataset_version=labelled,
            target="size",
        )
    done = run_job(upload(files.one_tensor_per_column(), dataset_version=labelled, target="size"))
    assert (done.status, done.error_code) == ("failed", "data_not_usable")
    assert "cannot be an input" in done.error_message


def test_classes_that_the_target_does_not_know_are_refused_with_their_names(
    upload: Upload, labelled: DatasetVersion, run_job: RunJob
) -> None:
    wishes = {"inputs": NAMES}
    job = upload(
        files.from_skl2onnx(zipmap=False),
        signature=wishes,
        dataset_version=labelled,
        target="churn",
    )
    done = run_job(job)
    assert (done.status, done.error_code) == ("failed", "declaration_refused")
    assert "none of the model's classes 0, 1" in done.error_message
    assert not ModelVersion.objects.exists()


def test_columns_that_the_data_lacks_are_refused(
    upload: Upload, labelled: DatasetVersion, run_job: RunJob
) -> None:
    done = run_job(upload(files.from_skl2onnx(zipmap=False), dataset_version=labelled))
    assert (done.status, done.error_code) == ("failed", "data_not_usable")
    assert "'f0'" in done.error_message
    with pytest.raises(DomainError) as refusal:
        upload(b"x", signature={"inputs": ["size", "colour"]}, dataset_version=labelled)
    assert refusal.value.errors[0].field == "signature.inputs[1].name"


def test_a_file_that_is_no_model_fails_its_job_and_makes_no_version(
    upload: Upload, run_job: RunJob
) -> None:
    done = run_job(upload(b"\x80\x04pickle"))
    assert (done.status, done.error_code) == ("failed", "model_refused")
    assert RegisteredModel.objects.get().versions.count() == 0


def test_a_file_that_is_too_large_is_refused_before_the_queue(
    upload: Upload, settings: Settings
) -> None:
    settings.MODEL_UPLOAD_MAX_BYTES = 10
    with pytest.raises(DomainError, match="at most 10 bytes") as refusal:
        upload(b"x" * 11)
    assert refusal.value.code == "model_file_too_large"
    assert not Job.objects.exists()


def test_the_api_takes_a_file_and_the_version_says_who_brought_it(
    api: Callable[..., APIClient], run_all_jobs: Callable[[], list[Job]]
) -> None:
    client = api(Role.EDITOR)
    body = {
        "file": SimpleUploadedFile("tree.onnx", files.like_xgboost().SerializeToString()),
        "model": "churn",
        "task": "classification",
        "signature": json.dumps(SIGNATURE),
    }
    answer = client.post(ADDRESS, body, format="multipart", headers={"Idempotency-Key": "one"})
    assert answer.status_code == 202, answer.content
    body["file"] = SimpleUploadedFile("tree.onnx", files.like_xgboost().SerializeToString())
    twice = client.post(ADDRESS, body, format="multipart", headers={"Idempotency-Key": "one"})
    assert twice.json()["job"]["id"] == answer.json()["job"]["id"]
    (job,) = run_all_jobs()
    shown = client.get(f"{ADDRESS}{job.result['model_version']}/").json()
    assert shown["is_uploaded"] is True
    assert shown["validation"] == "incomplete"
    assert shown["lineage"]["upload"]["filename"] == "tree.onnx"
    assert shown["lineage"]["upload"]["by"].startswith("editor")
    assert shown["signature"]["classes"] == ["no", "yes"]
    stored = client.get(f"{ADDRESS}{job.result['model_version']}/artifact/")
    assert "model-version" in stored["Content-Disposition"]
    assert stored["Content-Disposition"].endswith('.onnx"')
    assert stored.content == files.like_xgboost().SerializeToString()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task": "poetry"}, "task"),
        ({"model": " "}, "model"),
        ({"signature": "{"}, "signature"),
        ({"signature": '{"more": 1}'}, "signature.more"),
        ({"target": "churn"}, "target"),
        ({"file": ""}, "file"),
    ],
)
def test_the_api_names_the_field_that_is_wrong(
    change: Mapping[str, Any], field: str, api: Callable[..., APIClient]
) -> None:
    body = {
        "file": SimpleUploadedFile("net.onnx", b"x"),
        "model": "churn",
        "task": "classification",
        **change,
    }
    answer = api().post(ADDRESS, body, format="multipart")
    assert answer.status_code == 422, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not Job.objects.exists()


def test_a_viewer_may_not_upload(
    upload: Upload, make_user: Callable[..., User], api: Callable[..., APIClient]
) -> None:
    body = {"file": SimpleUploadedFile("n.onnx", b"x"), "model": "m", "task": "regression"}
    assert api(Role.VIEWER).post(ADDRESS, body, format="multipart").status_code == 403


def test_the_page_takes_a_file_and_says_what_is_wrong_beside_the_field(
    client: Client,
    make_user: Callable[..., User],
    project: Any,
    run_all_jobs: Callable[[], list[Job]],
) -> None:
    user = make_user(Role.EDITOR)
    user.is_staff = True
    user.save()
    client.force_login(user)
    address = reverse("admin:models_registry_modelversion_add")
    assert b"ONNX" in client.get(address).content
    body = {"project": project.pk, "model": "churn", "task": "classification", "target": ""}
    wrong = client.post(
        address, {**body, "signature": '{"more": 1}', "file": SimpleUploadedFile("n.onnx", b"x")}
    )
    assert "signature.more: is not known" in wrong.content.decode()
    data = files.like_pytorch().SerializeToString()
    asked = client.post(address, {**body, "file": SimpleUploadedFile("n.onnx", data)})
    assert asked.status_code == 302, asked.content.decode()[-3000:]
    (job,) = run_all_jobs()
    page = reverse("admin:models_registry_modelversion_change", args=[job.result["model_version"]])
    shown = client.get(page).content.decode()
    assert "Not fully measured" in shown
    assert "n.onnx" in shown
    assert "not measured" in shown

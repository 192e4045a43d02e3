"""A person is erased from under a model that was really trained on the rows, in one's own project and in a guest's."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import deltalake
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from deltalake.exceptions import DeltaError
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from core.blobs import default_store
from datasets import lake
from datasets.erasure import Subject
from datasets.errors import OtherPersonNeeded
from datasets.models import DatasetVersion, ErasureRequest, GrantLevel
from datasets.schema import Schema
from datasets.services import create_dataset, create_recipe, edit_schema, upload_version
from datasets.services.erasure import confirm_erasure, request_erasure, verify_version
from jobs.models import Job
from models_registry.artifacts import load_pipeline
from models_registry.loading import reference_frame
from models_registry.models import ModelVersion
from models_registry.services import promote
from monitoring.models import GroundTruth
from monitoring.services import Label, record_ground_truth
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.routing import routing
from serving.selectors.log_policies import policy_of
from serving.selectors.subjects import is_subjects
from serving.services import change_endpoint, create_endpoint
from tests.datasets.shared_datasets import share
from tests.erasure.conftest import SUBJECT
from tests.erasure.spelled import files_that_spell
from training.services import start_training

RunJob = Callable[[Job], Job]
Api = Callable[..., APIClient]
THEIRS = 24
ROWS = 400
STEPS = [
    {"kind": "date_parts", "columns": ["admitted"], "parts": ["hour", "weekday"]},
    {"kind": "target_encoding", "columns": ["ward"]},
]


def stays() -> pd.DataFrame:
    """Return stays in a clinic; 24 of 400 are the subject's, with ages that nobody else has."""
    rng = np.random.default_rng(8)
    patient = np.array([f"patient-{n:04d}" for n in rng.integers(0, 60, ROWS)], dtype=object)
    theirs = rng.choice(ROWS, THEIRS, replace=False)
    patient[theirs] = SUBJECT
    age = rng.integers(20, 90, ROWS).astype(float)
    age[theirs] = 99.5
    ward = rng.choice(["north", "south", "east"], ROWS)
    ill = age / 90 + (ward == "north") + rng.normal(0, 0.4, ROWS) > 1.0
    admitted = pd.date_range("2026-01-01", periods=ROWS, freq="37min", tz="UTC")
    return pd.DataFrame(
        {
            "patient": patient,
            "age": age,
            "ward": ward,
            "admitted": admitted.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ill": np.where(ill, "yes", "no"),
        }
    )


@pytest.fixture
def clinic(principal: Principal, run_job: RunJob) -> DatasetVersion:
    """The stays, in a schema that says which column names persons."""
    dataset = create_dataset(principal=principal, name="clinic")
    frame = stays()
    made = []
    for rows in (frame[frame["patient"] != SUBJECT].head(50), frame):
        job = upload_version(
            principal=principal,
            dataset=dataset,
            file=io.BytesIO(rows.to_csv(index=False).encode()),
            filename="stays.csv",
        )
        made.append(DatasetVersion.objects.get(pk=run_job(job).result["dataset_version"]))
        if len(made) == 1:
            columns = [column.to_dict() for column in Schema.from_dict(made[0].schema)]
            columns[0]["role"] = "subject_key"
            edit_schema(principal=principal, dataset=dataset, columns=columns)
    return made[1]


@dataclass(frozen=True)
class Trained:
    """A served model and what it answered: two predictions about the subject, two about others."""

    version: ModelVersion
    about_subject: list[UUID]
    about_others: list[UUID]


def train(
    principal: Principal, data: DatasetVersion, run_job: RunJob, *, with_recipe: bool = True
) -> ModelVersion:
    recipe = None
    if with_recipe:
        recipe = create_recipe(principal=principal, name="stays", steps=STEPS).revisions.get()
    done = run_job(
        start_training(
            principal=principal,
            dataset_version=data,
            target="ill",
            model="illness",
            estimator="logistic",
            recipe=recipe,
            split={"policy": "stratified"},
            folds=2,
        )
    )
    assert done.status == "succeeded", done.error_message
    return ModelVersion.objects.get(pk=done.result["model_version"])


@pytest.fixture
def trained(principal: Principal, clinic: DatasetVersion, run_job: RunJob, api: Api) -> Trained:
    """A champion that was asked about the subject by its entity key; half of it is in the lake, half on its way."""
    version = train(principal, clinic, run_job)
    promote(principal=principal, version=version)
    create_endpoint(principal=principal, name="illness", model=version.model)
    client = api()
    ids: dict[str, list[UUID]] = {SUBJECT: [], "patient-0001": []}
    row = {"age": 60.0, "ward": "north", "admitted": "2026-02-01T10:00:00Z"}
    for _ in range(2):
        for patient, kept in ids.items():
            answer = client.post(
                "/api/v1/endpoints/illness/predict/",
                {"instances": [row]},
                format="json",
                headers={"X-Entity-Key": patient.encode().decode("latin-1")},
            )
            assert answer.status_code == 200, answer.content
            kept.extend(UUID(one) for one in answer.json()["prediction_ids"])
        if len(ids[SUBJECT]) == 1:
            routing().log.close()
            Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
    labels = [Label(one, "yes") for kept in ids.values() for one in kept]
    assert not record_ground_truth(principal=principal, labels=labels).rejected
    routing().log.close()
    return Trained(version, ids[SUBJECT], ids["patient-0001"])


def searched(principal: Principal, run_job: RunJob) -> ErasureRequest:
    request = request_erasure(principal=principal, subject=SUBJECT, reason="a letter")
    assert request.job is not None
    assert run_job(request.job).status == "succeeded"
    request.refresh_from_db()
    return request


def erase(
    request: ErasureRequest, second: Principal, run_job: RunJob
) -> tuple[ErasureRequest, Job]:
    request = confirm_erasure(principal=second, request=request, subject=SUBJECT)
    assert request.job is not None
    done = run_job(request.job)
    assert done.status == "succeeded", done.error_message
    request.refresh_from_db()
    return request, done


def test_a_person_is_erased_from_under_a_trained_and_served_model(
    principal: Principal,
    second: Principal,
    clinic: DatasetVersion,
    trained: Trained,
    run_job: RunJob,
    api: Api,
    lake_home: Path,
) -> None:
    model = trained.version
    sample = reference_frame(model)
    theirs = int((sample["age"] == 99.5).sum())
    assert theirs > 0

    # the dry run names versions, run, model version, sample, predictions and labels, and changes nothing
    request = searched(principal, run_job)
    found = [(one["kind"], one["rows"], one["advice"]) for one in request.before]
    assert sorted(found, key=str) == [
        ("dataset_version", THEIRS, "erased"),
        ("ground_truth", 2, "erased"),
        ("model_version", THEIRS, "marked"),
        ("prediction", 2, "erased"),
        ("reference_sample", theirs, "rebuilt"),
        ("run", THEIRS, "noted"),
        ("upload", None, "removed"),
        ("upload", None, "removed"),
    ]
    targets = {one["kind"]: one["target"] for one in request.before}
    assert targets["model_version"] == ["models_registry.modelversion", str(model.pk)]
    assert targets["run"] == ["experiments.run", str(model.run_id)]
    before = run_job(verify_version(principal=principal, version=clinic))
    assert (before.result["matches"], before.result["found"]) == (True, clinic.sha256)
    assert GroundTruth.objects.count() == 4

    # who asked cannot confirm
    with pytest.raises(OtherPersonNeeded):
        confirm_erasure(principal=principal, request=request, subject=SUBJECT)
    request, done = erase(request, second, run_job)
    assert (request.status, request.after) == ("done", [])
    assert done.result["affected_model_versions"] == [model.pk]

    # gone from the lake, also from files that no version names and from what Delta once was
    assert files_that_spell(SUBJECT, lake_home) == []
    first, data = DatasetVersion.objects.filter(dataset=clinic.dataset_id).order_by("number")
    assert [(one.row_count, one.erasure_affected) for one in (first, data)] == [
        (50, False),
        (ROWS - THEIRS, True),
    ]
    for version in (first, data):
        address = lake.dataset_path(version.dataset)
        outside = polars.read_delta(address, version=version.delta_version)
        assert SUBJECT not in outside["patient"].to_list()
        assert outside.height == version.row_count
        verified = run_job(verify_version(principal=principal, version=version))
        assert (verified.result["matches"], verified.result["found"]) == (True, version.sha256)
    assert data.sha256 != clinic.sha256
    parts = [path for path in Path(address).rglob("*.parquet") if "_delta_log" not in path.parts]
    assert parts
    assert not any(SUBJECT in polars.read_parquet(part)["patient"].to_list() for part in parts)
    with pytest.raises(DeltaError):
        deltalake.DeltaTable(lake.dataset_path(clinic.dataset), version=clinic.delta_version)

    # the model is marked, its sample has their rows no more, and it still answers
    model.refresh_from_db()
    assert model.erasure_marks == {str(request.reference): THEIRS}
    left = reference_frame(model)
    assert (left["age"] == 99.5).sum() == 0
    assert len(left) == len(sample) - theirs
    assert load_pipeline(default_store().read(model.artifact_digest)) is not None
    client = api()
    for one in trained.about_subject:
        assert client.get(f"/api/v1/predictions/{one}/").status_code == 404
    for one in trained.about_others:
        assert client.get(f"/api/v1/predictions/{one}/").status_code == 200
    assert set(GroundTruth.objects.values_list("prediction_id", flat=True)) == set(
        trained.about_others
    )
    row = {"age": 60.0, "ward": "north", "admitted": "2026-02-01T10:00:00Z"}
    asked = client.post("/api/v1/endpoints/illness/predict/", {"instances": [row]}, format="json")
    assert asked.status_code == 200, asked.content

    # a new version is trained on what is left, and carries no mark
    again = train(principal, data, run_job, with_recipe=False)
    assert (again.erasure_marks, again.erasure_affected_at) == ({}, None)


def test_a_guests_model_is_marked_when_the_owner_erases_and_stays_after_the_grant(
    principal: Principal,
    second: Principal,
    clinic: DatasetVersion,
    other_project: Project,
    run_all_jobs: Callable[[], list[Job]],
    run_job: RunJob,
    api: Api,
) -> None:
    share(clinic.dataset, other_project.pk, GrantLevel.TRAIN)
    guest = api(Role.EDITOR, in_project=other_project)
    wish = {
        "dataset_version": clinic.pk,
        "target": "ill",
        "model": "guest",
        "estimator": "logistic",
        "folds": 2,
    }
    assert guest.post("/api/v1/training-runs/", wish, format="json").status_code == 202
    (made,) = run_all_jobs()
    assert made.status == "succeeded", made.error_message
    model = ModelVersion.objects.get(pk=made.result["model_version"])
    assert model.model.project == other_project
    # Training is allowed, looking at rows is not.
    assert guest.get(f"/api/v1/dataset-versions/{clinic.pk}/rows/").status_code == 403
    request = searched(principal, run_job)
    marked = [one for one in request.before if one["kind"] == "model_version"]
    assert [one["label"] for one in marked] == ["other/guest v1"]
    request, done = erase(request, second, run_job)
    assert done.result["affected_model_versions"] == [model.pk]
    model.refresh_from_db()
    assert model.erasure_marks == {str(request.reference): THEIRS}
    shown = guest.get(f"/api/v1/model-versions/{model.pk}/").json()
    assert shown["erasure_marks"] == {str(request.reference): THEIRS}
    assert (reference_frame(model)["age"] == 99.5).sum() == 0


def test_entity_keys_of_another_column_are_not_the_subjects(
    principal: Principal, trained: Trained, run_job: RunJob
) -> None:
    change_endpoint(
        principal=principal,
        endpoint=trained.version.model.endpoints.get(),
        entity_column="ward",
    )
    request = searched(principal, run_job)
    assert not [one for one in request.before if one["kind"] == "prediction"]


@pytest.mark.parametrize("value", [SUBJECT, "7731"])
def test_predictions_are_found_where_the_log_holds_a_hash_of_the_key(
    value: str, principal: Principal, project: Project
) -> None:
    endpoint = Endpoint(project=project, name="x", log_redaction={"patient": "hash"})
    policy = policy_of(endpoint)
    spelled = int(value) if value.isdecimal() else value
    kept = [{"patient": policy.hashed(one), "age": 1} for one in (spelled, "other")]
    rows = pa.table(
        {
            "endpoint_id": [1, 1],
            "features": [json.dumps(one) for one in kept],
            "entity_key": pa.nulls(2, pa.string()),
        }
    )
    assert value not in str(rows.to_pylist())
    subject = Subject(project.pk, ("patient",), value, uuid4())
    assert is_subjects(rows, subject).to_pylist() == [True, False]

"""Training asked for in the admin and by REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from datasets.models import DatasetVersion
from experiments.models import Run, RunStatus
from jobs.models import Job
from models_registry.models import ModelVersion
from tests.serving.conftest import training_data  # noqa: F401 (a fixture)
from training.models import TrainingRun

Api = Callable[..., APIClient]
ADD = "/admin/training/trainingrun/add/"


def asked(version: DatasetVersion, **changes: Any) -> dict[str, Any]:
    return {
        "dataset_version": version.pk,
        "target": "diagnosis",
        "model": "tumour",
        "features": ["mean radius", "mean texture"],
        "task": "",
        "estimator": "logistic",
        "params-logistic-C": "0.5",
        "params-logistic-class_weight": "balanced",
        "seed": 3,
        **changes,
    }


def test_a_model_is_trained_from_the_admin(
    client: Client,
    admin_user_: User,
    training_data: DatasetVersion,  # noqa: F811
    run_job: Callable[[Job], Job],
) -> None:
    client.force_login(admin_user_)
    assert client.get(ADD).status_code == 200
    answer = client.post(ADD, asked(training_data))
    assert answer.status_code == 302, answer.content
    row = TrainingRun.objects.get()
    assert row.job is not None
    assert row.params == {"C": 0.5, "max_iter": 1000, "class_weight": "balanced"}
    done = run_job(row.job)
    assert done.status == "succeeded", done.error_message
    row.refresh_from_db()
    assert row.model_version is not None
    assert row.model_version.seed == 3
    assert [one["name"] for one in row.model_version.signature["inputs"]] == [
        "mean radius",
        "mean texture",
    ]
    for page in (
        "/admin/training/trainingrun/",
        f"/admin/training/trainingrun/{row.pk}/change/",
        f"/admin/experiments/run/{row.run_id}/change/",
        "/admin/experiments/experiment/",
        f"/admin/models_registry/modelversion/{row.model_version.pk}/change/",
    ):
        assert client.get(page).status_code == 200, page
    assert (
        "Cross-validated"
        in client.get(f"/admin/experiments/run/{row.run_id}/change/").content.decode()
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "nothing"}, "The data has no column"),
        ({"features": "diagnosis"}, "The target cannot be a feature"),
        ({"params-logistic-C": "-1"}, "Must lie between 1e-06 and 1e+06."),
        ({"params-logistic-C": "inf"}, "Enter a number."),
        ({"params-logistic-max_iter": "1.5"}, "Enter a whole number."),
        ({"params-logistic-class_weight": "heavy"}, "Select a valid choice. heavy"),
        ({"estimator": "magic"}, "Select a valid choice. magic"),
        (
            {
                "estimator": "ridge",
                "task": "classification",
                "params-logistic-C": "",
                "params-logistic-class_weight": "",
            },
            "For classification, choose among",
        ),
        ({"seed": -1}, "2³²"),
        ({"dataset_version": 0}, "valid choice"),
    ],
)
def test_what_is_refused_is_said_on_the_form_and_the_input_stays(
    client: Client,
    admin_user_: User,
    training_data: DatasetVersion,  # noqa: F811
    changes: dict[str, Any],
    said: str,
) -> None:
    client.force_login(admin_user_)
    answer = client.post(ADD, asked(training_data, **changes))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert said in page
    assert 'value="tumour"' in page
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"target": "nothing"}, 422, "target"),
        ({"features": ["gone"]}, 422, "features"),
        ({"estimator": "magic"}, 422, "estimator"),
        ({"params": {"C": -1}}, 422, "params.C"),
        ({"task": "clustering"}, 422, "task"),
        ({"seed": "x"}, 422, "seed"),
        ({"dataset_version": 10**9}, 404, None),
    ],
)
def test_a_bad_request_names_the_field(
    api: Api,
    training_data: DatasetVersion,  # noqa: F811
    changes: dict[str, Any],
    status: int,
    field: str | None,
) -> None:
    body = {
        "dataset_version": training_data.pk,
        "target": "diagnosis",
        "model": "tumour",
        "estimator": "logistic",
        **changes,
    }
    answer = api().post("/api/v1/training-runs/", body)
    assert answer.status_code == status, answer.content
    if field is not None:
        assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_run_asked_for_by_rest_is_followed_by_its_job_and_repeatable(
    api: Api,
    training_data: DatasetVersion,  # noqa: F811
    run_job: Callable[[Job], Job],
    other_project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api(Role.EDITOR)
    body = {
        "dataset_version": training_data.pk,
        "target": "diagnosis",
        "model": "tumour",
        "estimator": "random_forest",
        "params": {"n_estimators": 10},
        "seed": 11,
    }
    digests = set()
    for key in ("a", "b"):
        answer = client.post("/api/v1/training-runs/", body, headers={"Idempotency-Key": key})
        assert answer.status_code == 202
        job = Job.objects.get(pk=answer.json()["job"]["id"])
        assert answer.headers["Location"] == f"/api/v1/jobs/{job.pk}/"
        again = client.post("/api/v1/training-runs/", body, headers={"Idempotency-Key": key})
        assert again.json()["job"]["id"] == str(job.pk)
        done = run_job(job)
        assert done.status == "succeeded", done.error_message
        digests.add(ModelVersion.objects.get(pk=done.result["model_version"]).reference_digest)
    assert len(digests) == 1
    with django_assert_max_num_queries(8):
        assert len(client.get("/api/v1/training-runs/").json()["results"]) == 2
    assert api(Role.VIEWER).post("/api/v1/training-runs/", body).status_code == 403
    assert api(in_project=other_project).post("/api/v1/training-runs/", body).status_code == 404


def test_a_training_that_fails_leaves_a_failed_run_and_no_version(
    api: Api,
    training_data: DatasetVersion,  # noqa: F811
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"dataset_version": training_data.pk, "target": "diagnosis", "model": "tumour"}
    job = Job.objects.get(pk=api().post("/api/v1/training-runs/", body).json()["job"]["id"])

    def broken(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("training.execution.job.fit_version", broken)
    assert run_job(job).status == "failed"
    assert Run.objects.get().status == RunStatus.FAILED
    assert not ModelVersion.objects.exists()

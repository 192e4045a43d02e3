"""What is trained on when nobody names it: target and features by the roles of the edited schema."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from jobs.models import Job
from models_registry.models import ModelVersion

pytestmark = pytest.mark.django_db


def test_target_and_features_come_from_the_roles_of_the_edited_schema(
    api: Callable[..., APIClient], run_job: Callable[[Job], Job]
) -> None:
    client = api()
    dataset = client.post("/api/v1/datasets/", {"name": "patients"}).json()["id"]
    rows = "".join(
        f"p{i},{i % 7},{20 + i % 60},{'ward' if i % 2 else 'home'},{'ill' if i % 60 > 30 else 'well'}\n"
        for i in range(240)
    )
    text = "patient,room,age,place,state\n" + rows

    def upload(content: str) -> int:
        from django.core.files.uploadedfile import SimpleUploadedFile

        answer = client.post(
            f"/api/v1/datasets/{dataset}/versions/",
            {"file": SimpleUploadedFile("patients.csv", content.encode())},
            format="multipart",
        )
        done = run_job(Job.objects.get(pk=answer.json()["job"]["id"]))
        assert done.status == "succeeded", done.error_message
        return int(done.result["dataset_version"])

    first = upload(text)
    wanted = {"dataset_version": first, "model": "state", "estimator": "logistic"}
    refused = client.post("/api/v1/training-runs/", wanted)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "target"

    schema = client.get(f"/api/v1/dataset-versions/{first}/").json()["schema"]["columns"]
    roles = {"patient": "subject_key", "room": "ignored", "state": "target"}
    edited = client.put(
        f"/api/v1/datasets/{dataset}/schema/",
        {
            "columns": [
                {
                    "name": column["name"],
                    "type": column["type"],
                    "role": roles.get(column["name"], "feature"),
                    "nullable": False,
                    **({"minimum": 0, "maximum": 120} if column["name"] == "age" else {}),
                }
                for column in schema
            ]
        },
    )
    assert edited.status_code in (200, 201), edited.json()

    wanted["dataset_version"] = upload(text + "p240,1,33,home,well\n")
    started = client.post("/api/v1/training-runs/", wanted)
    assert started.status_code == 202, started.json()
    done = run_job(Job.objects.get(pk=started.json()["job"]["id"]))
    assert done.status == "succeeded", done.error_message
    model = ModelVersion.objects.get(pk=done.result["model_version"])
    assert model.spec["target"] == "state"
    inputs = {one["name"]: one for one in model.signature["inputs"]}
    assert set(inputs) == {"age", "place"}
    assert inputs["age"]["limits"] == {"minimum": 0, "maximum": 120}
    run = client.get("/api/v1/training-runs/").json()["results"][0]
    left_out = {one["column"]: one["reason"] for one in run["dropped_columns"]}
    assert left_out["patient"] == "its role is subject key"
    assert left_out["room"] == "its role is ignored"

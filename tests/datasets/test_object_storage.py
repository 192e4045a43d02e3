"""The lake and the artifacts in object storage: the same promises as in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars
import pyarrow as pa
import pytest
from django.conf import settings as site
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.blobs import BlobCorrupt, BlobMissing, default_store
from datasets import lake, services
from datasets.errors import LakeUnreachable
from datasets.lake.object_storage import ObjectStorage, storage_options
from datasets.models import Dataset, DatasetVersion
from datasets.schema.arrow import schema_from_arrow
from jobs.models import Job
from serving.execution.shipping import Shipper
from serving.prediction_log import SegmentWriter, encode_request
from serving.selectors.predictions import predictions
from tests.serving.samples import PROJECT, logged_request


@pytest.mark.django_db
def test_an_upload_is_ingested_and_appended_to_in_a_bucket(
    lake_in_s3: str,
    ingested: Callable[..., DatasetVersion],
    dataset: Dataset,
    principal: Principal,
    s3: Any,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first = ingested(b"name,age\nAda,36\nAlan,41\n")
    second = ingested(b"name,age\nGrace,85\n", mode="append")
    assert lake.read_table(first).to_pylist() == [
        {"name": "Ada", "age": 36},
        {"name": "Alan", "age": 41},
    ]
    assert lake.preview(second, offset=2, limit=5).to_pylist() == [{"name": "Grace", "age": 85}]
    assert second.parent_id == first.pk
    path = lake.dataset_path(dataset)
    assert path.startswith(f"s3://{lake_in_s3}/lake/")
    engine = storage_options(path) or {}
    outside = {name: value for name, value in engine.items() if name.startswith("aws_")}
    seen = polars.read_delta(path, storage_options=outside)
    assert sorted(seen["name"]) == ["Ada", "Alan", "Grace"]

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_dataset(principal=principal, dataset=dataset)
    left = s3.list_objects_v2(Bucket=lake_in_s3, Prefix=path.partition(f"{lake_in_s3}/")[2] + "/")
    assert left["KeyCount"] == 0


@pytest.mark.django_db(transaction=True)
def test_rows_in_a_bucket_are_filtered_asked_and_compared(
    lake_in_s3: str,
    api: Callable[..., APIClient],
    ingested: Callable[..., DatasetVersion],
    run_all_jobs: Callable[[], list[Job]],
) -> None:
    first = ingested(b"name,age,ok\nAda,36,true\nAlan,41,false\n")
    second = ingested(b"name,age,ok\nAlan,42,false\nGrace,85,\n")
    client = api(Role.EDITOR)
    rows = f"/api/v1/dataset-versions/{second.pk}/rows/"
    for column, value in (("name", "Alan"), ("age", 42), ("ok", False)):
        filters = json.dumps([{"column": column, "operator": "equals", "value": value}])
        found = client.get(rows, {"filters": filters}).json()
        assert (found["matching_count"], found["rows"]) == (1, [["Alan", 42, False]])
    for condition in ("name = 'Alan'", "name IN ('Alan', 'x')", "NOT ok", "age < 50"):
        answer = client.post("/api/v1/sql/", {"query": f"SELECT * FROM people WHERE {condition}"})
        assert answer.json()["rows"] == [["Alan", 42, False]], (condition, answer.json())
    address = f"/api/v1/datasets/{second.dataset_id}/comparisons/"
    body = {"base": first.number, "other": second.number, "key": ["name"]}
    assert client.post(address, body).status_code == 202
    run_all_jobs()
    told = client.post(address, body).json()["result"]
    assert (told["added"], told["removed"], told["changed"]) == (1, 1, 1)


def test_the_same_transaction_writes_once_and_a_loser_of_the_race_writes_anew(
    lake_in_s3: str,
) -> None:
    path = lake.table_path("datasets", "1")
    rows = pa.table({"a": [1, 2]})
    schema = schema_from_arrow(rows.schema)
    first = lake.write_version_rows(path, schema, rows.to_batches, transaction_id="one")
    assert lake.write_version_rows(path, schema, rows.to_batches, transaction_id="one") == first
    overtaken: list[int] = []

    def batches() -> list[pa.RecordBatch]:
        if not overtaken:
            overtaken.append(
                lake.append(
                    path,
                    pa.table({"__row__": [2], "a": [9]}),
                    transaction=("another", 1),
                )
            )
        return list(rows.to_batches())

    second = lake.write_version_rows(path, schema, batches, transaction_id="two")
    assert overtaken == [1]
    assert second.delta_version == 2
    assert lake.pinned_row_count(path, second.delta_version) == 2


def test_predictions_are_shipped_to_a_bucket_once(lake_in_s3: str, lake_home: Path) -> None:
    root = lake_home / "prediction-log"
    writer = SegmentWriter(root, segment_seconds=3600)
    request = logged_request(2)
    writer.append(encode_request(request))
    writer.close()
    assert Shipper(root).ship() == 2
    assert Shipper(root).ship() == 0
    rows = predictions(
        project_id=PROJECT, endpoint_id=3, start=request.at, end=request.at + timedelta(seconds=1)
    )
    assert rows is not None
    assert rows.num_rows == 2


def test_an_artifact_in_a_bucket_is_checked_against_its_digest(
    artifacts_in_s3: str, s3: Any, tmp_path: Path
) -> None:
    store = default_store()
    blob = store.put_bytes(b"weights")
    assert store.put_bytes(b"weights") == blob
    assert store.read(blob.digest) == b"weights"
    source = tmp_path / "model"
    source.write_bytes(b"x" * 3_000_000)
    assert store.local_path(store.put_file(source).digest, tmp_path).read_bytes() == (
        b"x" * 3_000_000
    )
    (key,) = [
        entry["Key"]
        for entry in s3.list_objects_v2(Bucket=artifacts_in_s3)["Contents"]
        if entry["Key"].endswith(blob.digest)
    ]
    s3.put_object(Bucket=artifacts_in_s3, Key=key, Body=b"Weights")
    with pytest.raises(BlobCorrupt):
        store.read(blob.digest)
    with pytest.raises(BlobMissing):
        store.read("0" * 64)


def test_a_store_that_is_away_is_named_and_its_secret_is_not(
    settings: Settings, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OBJECT_STORAGE = {
        **site.OBJECT_STORAGE,
        "endpoint_url": f"http://127.0.0.1:{free_port}",
        "access_key_id": "test",
        "secret_access_key": "very-secret",
    }
    monkeypatch.setattr("datasets.lake.object_storage._ATTEMPTS", 0)
    with pytest.raises(LakeUnreachable) as refusal:
        lake.open_table("s3://lake/table")
    assert "very-secret" not in str(refusal.value)
    assert "very-secret" not in repr(ObjectStorage(**settings.OBJECT_STORAGE))

"""Sources in buckets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from accounts.principals import Principal
from datasets import lake, services
from datasets.errors import SourceNotAllowed
from datasets.models import RunOutcome, Source, SourceRun
from jobs.models import Job
from tests.datasets.source_making import MakeSource, version_of

pytestmark = pytest.mark.django_db


def put(s3: Any, bucket: str, **objects: str) -> None:
    for name, text in objects.items():
        s3.put_object(Bucket=bucket, Key=name.replace("__", "/") + ".csv", Body=text.encode())


def test_new_objects_of_a_pattern_are_appended(
    s3: Any,
    bucket: str,
    settings: Settings,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
) -> None:
    settings.SOURCE_S3_BUCKETS = [f"{bucket}/in"]
    put(s3, bucket, in__1="name\nAda\n", in__2="name\nAlan\n", in__deep__3="name\nGrace\n")
    source = make_source("s3", url=f"s3://{bucket}/in/*.csv", mode="append")
    assert services.check_source(principal=principal, source=source).rows == [["Ada"]]
    first = version_of(read_source(source))
    assert lake.read_table(first)["name"].to_pylist() == ["Ada", "Alan"]
    assert first.source["address"] == f"s3://{bucket}/in/*.csv"
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    put(s3, bucket, in__4="name\nMary\n")
    assert read_source(source).rows == 1
    deep = make_source("s3", url=f"s3://{bucket}/in/**/3.csv", name="deep")
    assert read_source(deep).rows == 1


@pytest.mark.parametrize("listed", ["b1/in", "b1/in/", "s3://b1/in"])
def test_what_is_listed_is_a_folder_or_an_object_and_no_beginning_of_a_name(
    listed: str, settings: Settings, make_source: MakeSource
) -> None:
    settings.SOURCE_S3_BUCKETS = [listed.replace("b1", "bucket-1")]
    for number, key in enumerate(["in/a.csv", "in/*.csv", "in/deep/**", "in"]):
        make_source("s3", url=f"s3://bucket-1/{key}", name=f"open {number}")
    for key in ("in-other/a.csv", "in*", "in*/a.csv", "i*", "input", "*/in/a.csv"):
        with pytest.raises(SourceNotAllowed) as refusal:
            make_source("s3", url=f"s3://bucket-1/{key}")
        assert refusal.value.field == "settings.access_key_id", key


def test_a_source_may_bring_its_own_key(
    s3: Any, bucket: str, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    put(s3, bucket, a="name\nAda\n")
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("s3", url=f"s3://{bucket}/a.csv")
    assert refusal.value.field == "settings.access_key_id"
    source = make_source(
        "s3",
        url=f"s3://{bucket}/a.csv",
        access_key_id="own",
        secrets={"secret_access_key": "own-secret"},
    )
    assert read_source(source).rows == 1


def test_the_lake_of_the_site_is_no_source(
    lake_in_s3: str, settings: Settings, make_source: MakeSource
) -> None:
    settings.SOURCE_S3_BUCKETS = [lake_in_s3]
    for url in (f"s3://{lake_in_s3}/lake/datasets/1/*.parquet", f"s3://{lake_in_s3}/**"):
        with pytest.raises(SourceNotAllowed, match="own storage") as refusal:
            make_source("s3", url=url)
        assert refusal.value.field == "settings.url"


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"url": "https://bucket/a"}, "settings.url", "The address is s3://bucket/path."),
        ({"url": "s3://bucket"}, "settings.url", "The address is s3://bucket/path."),
        (
            {"url": "s3://open/a", "endpoint_url": "http://169.254.169.254"},
            "settings.endpoint_url",
            "The site does not talk to this endpoint (SOURCE_S3_ENDPOINTS).",
        ),
        (
            {"url": "s3://open/a", "access_key_id": "x"},
            "secrets.secret_access_key",
            "A key has an id and a secret.",
        ),
    ],
)
def test_bad_addresses_of_objects_are_named(
    values: dict[str, str], field: str, says: str, settings: Settings, make_source: MakeSource
) -> None:
    settings.SOURCE_S3_BUCKETS = ["open"]
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("s3", **values)
    assert (refusal.value.field, refusal.value.message) == (field, says)
    assert Source.objects.count() == 0


def test_a_bucket_or_an_object_that_is_not_there_is_told_without_the_key(
    s3: Any,
    bucket: str,
    settings: Settings,
    make_source: MakeSource,
    failed_read: Callable[[Source], Job],
    free_port: int,
) -> None:
    away = f"http://127.0.0.1:{free_port}"
    settings.SOURCE_S3_ENDPOINTS = [away]
    key: dict[str, Any] = {
        "access_key_id": "own",
        "secrets": {"secret_access_key": "own-secret"},
    }
    absent = f"s3://{bucket}/b.csv"
    for name, values, code, says in (
        ("object", {"url": absent}, "source_missing", "No object has this address."),
        ("bucket", {"url": "s3://none/*.csv"}, "source_missing", "No object has this address."),
        (
            "server",
            {"url": absent, "endpoint_url": away},
            "source_unreachable",
            "The bucket cannot be read",
        ),
    ):
        job = failed_read(make_source("s3", name=name, **values, **key))
        assert job.error_code == code
        assert says in job.error_message
        assert "own-secret" not in job.error_message

"""Rows that cannot be read refuse the file, or are put aside with their reason; never changed in silence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake, services
from datasets.formats import Quarantine, ReadOptions
from datasets.formats.nul_text import NulGate
from datasets.models import Dataset, DatasetVersion
from jobs.errors import IdempotencyKeyReused
from jobs.models import Job, JobStatus

pytestmark = pytest.mark.django_db

Upload = Callable[..., Job]
Ingested = Callable[..., DatasetVersion]
RunJob = Callable[[Job], Job]
ASIDE = ReadOptions(on_bad_rows="quarantine", most_bad_share=0.5)
RAGGED = b"a,b\n1,x\n2\n3,y\n4,5,6\n7,z\n8,z\n"


def aside(version: DatasetVersion) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.quarantined(version, offset=0, limit=100).to_pylist()
    return found


def test_ragged_rows_are_put_aside_with_number_reason_and_text(ingested: Ingested) -> None:
    version = ingested(RAGGED, options=ASIDE)
    assert lake.read_table(version).to_pydict() == {"a": [1, 3, 7, 8], "b": ["x", "y", "z", "z"]}
    assert [(one["row"], one["raw"]) for one in aside(version)] == [(3, "2"), (5, "4,5,6")]
    assert aside(version)[0]["reason"] == "1 cell(s) instead of 2"
    assert version.quarantined_rows == 2


def test_without_the_wish_one_bad_row_refuses_the_file(upload: Upload, run_job: RunJob) -> None:
    job = run_job(upload(RAGGED))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "ragged_rows")


def test_infinite_numbers_are_put_aside_and_their_neighbours_keep_their_numbers(
    ingested: Ingested,
) -> None:
    version = ingested(b"x,t\n0.5,a\n1e400,b\n2\n-inf,c\n1.5,d\n3.5,e\n", options=ASIDE)
    assert lake.read_table(version)["x"].to_pylist() == [0.5, 1.5, 3.5]
    assert [(one["row"], one["column"]) for one in aside(version)] == [(3, "x"), (4, ""), (5, "x")]


def test_cells_that_are_not_of_the_type_of_the_dataset_are_put_aside(ingested: Ingested) -> None:
    ingested(b"a,b\n1,x\n2,y\n")
    version = ingested(b"a,b\n3,z\nabc,z\n4,z\n5,q\n", mode="append", options=ASIDE)
    assert lake.read_table(version)["a"].to_pylist() == [1, 2, 3, 4, 5]
    assert [(one["row"], one["raw"]) for one in aside(version)] == [(3, "abc,z")]
    assert "'abc' is no integer" in aside(version)[0]["reason"]


def test_json_lines_and_unreadable_lines_part_ways(ingested: Ingested) -> None:
    content = b'{"a": 1}\nnonsense\n{"a": [1]}\n{"a": 2}\n{"a": 3}\n'
    version = ingested(content, "x.jsonl", options=ASIDE)
    assert lake.read_table(version)["a"].to_pylist() == [1, 2, 3]
    assert [one["row"] for one in aside(version)] == [2, 3]


def test_too_large_a_share_refuses_the_file_and_leaves_nothing(
    upload: Upload, run_job: RunJob
) -> None:
    few = ReadOptions(on_bad_rows="quarantine", most_bad_share=0.1)
    job = run_job(upload(RAGGED, options=few))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "too_many_bad_rows")
    version = DatasetVersion.objects.get(job=job)
    assert lake.table_version(lake.dataset_path(version.dataset)) is None
    assert lake.table_version(lake.quarantine_path(version.dataset)) is None


def test_a_retry_puts_each_row_aside_once(ingested: Ingested, run_job: RunJob) -> None:
    version = ingested(RAGGED, options=ASIDE)
    assert version.job is not None
    DatasetVersion.objects.filter(pk=version.pk).update(status="building")
    Job.objects.filter(pk=version.job.pk).update(
        status=JobStatus.QUEUED, claim_token=None, finished_at=None
    )
    assert run_job(version.job).status == JobStatus.SUCCEEDED
    version.refresh_from_db()
    assert (version.quarantined_rows, len(aside(version))) == (2, 2)


def test_the_quarantine_goes_with_its_dataset(
    ingested: Ingested,
    principal: Any,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    from datasets import services

    version = ingested(RAGGED, options=ASIDE)
    path = lake.quarantine_path(version.dataset)
    assert lake.table_version(path) is not None
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_dataset(principal=principal, dataset=version.dataset)
    assert lake.table_version(path) is None


def test_the_wish_is_part_of_what_an_idempotency_key_stands_for(upload: Upload) -> None:
    upload(RAGGED, idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused):
        upload(RAGGED, idempotency_key="k", options=ASIDE)
    for wrong in ({"on_bad_rows": "ignore"}, {"most_bad_share": 2.0}, {"sheet": "x" * 40}):
        with pytest.raises(Invalid):
            ReadOptions(**wrong)
    assert ReadOptions.from_dict(ASIDE.to_dict()) == ASIDE


def test_the_api_lists_what_was_put_aside(
    ingested: Ingested, api: Callable[..., APIClient]
) -> None:
    client = api()
    version = ingested(RAGGED, options=ASIDE)
    address = f"/api/v1/dataset-versions/{version.pk}/"
    shown = client.get(address).json()
    assert shown["quarantined_rows"] == 2
    assert "quarantine" not in shown["source"]
    found = client.get(f"{address}quarantine/", {"offset": 1}).json()
    assert (found["offset"], found["quarantined_rows"]) == (1, 2)
    assert [row["row"] for row in found["rows"]] == [5]
    assert client.get(f"{address}quarantine/", {"limit": 10**9}).status_code == 422
    assert client.get("/api/v1/dataset-versions/999999/quarantine/").status_code == 404


def test_the_page_shows_what_was_put_aside_as_text(ingested: Ingested, admin_user_: User) -> None:
    client = Client()
    client.force_login(admin_user_)
    version = ingested(b"a,b\n1,x\n<b>bad</b>\n2,y\n", options=ASIDE)
    address = reverse("admin:datasets_datasetversion_quarantined_rows", args=[version.pk])
    page = client.get(address)
    assert page.status_code == 200
    text = page.content.decode()
    assert "&lt;b&gt;bad&lt;/b&gt;" in text
    assert "<b>bad</b>" not in text
    assert "1 cell(s) instead of 2" in text


NUL: dict[str, list[Any]] = {
    "k": ["a", "b", "c", None],
    "b": ["fine", "x\x00y", "", "\\u0000"],
    "n": [1, 2, 3, 4],
}


def nul_files() -> dict[str, bytes]:
    """Return the same rows, one of them with a NUL, in every format that can hold one."""
    table = pa.table(NUL)
    kinds = pa.table({**NUL, "b": pa.array(NUL["b"]).dictionary_encode()})
    sinks = {name: io.BytesIO() for name in ("x.parquet", "x.feather", "x.arrows")}
    pq.write_table(table, sinks["x.parquet"])
    feather.write_feather(kinds, sinks["x.feather"])
    with pa.ipc.new_stream(sinks["x.arrows"], table.schema) as stream:
        stream.write_table(table)
    lines = "\n".join(json.dumps(row) for row in table.to_pylist())
    return {"x.jsonl": lines.encode(), **{name: sink.getvalue() for name, sink in sinks.items()}}


@pytest.mark.parametrize("name", nul_files())
def test_a_nul_character_in_text_is_refused_by_row_and_column(
    upload: Upload, run_job: RunJob, name: str
) -> None:
    job = run_job(upload(nul_files()[name], name))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "unreadable_rows")
    assert job.error_message == "Row 2 cannot be read: column 'b' holds a NUL character."


@pytest.mark.parametrize("name", nul_files())
def test_a_row_with_a_nul_character_is_put_aside(ingested: Ingested, name: str) -> None:
    version = ingested(nul_files()[name], name, options=ASIDE)
    assert lake.read_table(version).to_pydict() == {
        column: [value for at, value in enumerate(values) if at != 1]
        for column, values in NUL.items()
    }
    (bad,) = aside(version)
    assert (bad["row"], bad["column"]) == (2, "" if name == "x.jsonl" else "b")
    assert bad["reason"] == "column 'b' holds a NUL character"
    assert "x\\u0000y" in bad["raw"]
    assert version.quarantined_rows == 1


def test_a_nul_character_in_a_name_is_refused(upload: Upload, run_job: RunJob) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a\x00b": [1]}), sink)
    for content, name in ((b'{"a\\u0000b": 1}\n', "x.jsonl"), (sink.getvalue(), "x.parquet")):
        job = run_job(upload(content, name))
        assert (job.status, job.error_code) == (JobStatus.FAILED, "bad_header")


def test_rows_behind_one_with_a_nul_character_keep_their_numbers(
    ingested: Ingested, dataset: Dataset, principal: Principal
) -> None:
    ingested(b"b,n\nfine,1\nfine,2\n")
    columns = [
        {"name": "b", "type": "string", "role": "feature", "nullable": False},
        {"name": "n", "type": "integer", "role": "feature", "nullable": False, "maximum": 3},
    ]
    services.edit_schema(principal=principal, dataset=dataset, columns=columns)
    sink = io.BytesIO()
    pq.write_table(pa.table(NUL).select(["b", "n"]), sink)
    version = ingested(sink.getvalue(), "x.parquet", options=ASIDE)
    assert lake.read_table(version)["n"].to_pylist() == [1, 3]
    assert [(one["row"], one["column"]) for one in aside(version)] == [(2, "b"), (4, "n")]


@given(
    values=st.lists(
        st.none() | st.sampled_from(["", "a", "x\x00", "\x00", "\u0100", "aä"]), max_size=9
    ),
    start=st.integers(0, 9),
    count=st.integers(0, 9),
)
def test_a_nul_is_found_in_any_stretch_of_a_column(
    values: list[str | None], start: int, count: int
) -> None:
    whole = pa.record_batch({"t": pa.array(values, pa.string())})
    quarantine = Quarantine(most_share=1.0, most_rows=100)
    gate = NulGate(quarantine)
    found: list[tuple[int, str | None]] = []
    for stretch in (whole.slice(0, start), whole.slice(start, count), whole.slice(start + count)):
        kept = gate.pass_rows(stretch)
        found += zip(gate.numbers, kept["t"].to_pylist(), strict=True)
    rows = list(enumerate(values, start=1))
    assert found == [(number, value) for number, value in rows if "\x00" not in (value or "")]
    assert [bad.row for bad in quarantine.rows] == [n for n, v in rows if "\x00" in (v or "")]
    assert gate.rows == len(values)

"""Versions as files: complete, harmless in a spreadsheet, for those who may take them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from datasets import lake, services
from datasets.downloads import csv_chunks, csv_table, parquet_chunks
from datasets.models import Dataset, DatasetVersion
from datasets.querying import RowQuery
from datasets.schema import Schema
from tests.datasets.shared_datasets import share

Ingested = Callable[..., DatasetVersion]
CELLS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "a=b", "", 'q"uote', "two\nlines"]


def fetch(client: APIClient, version: DatasetVersion, **query: Any) -> Any:
    return client.get(f"/api/v1/dataset-versions/{version.pk}/download/", query)


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def hang_up(answer: Any) -> None:
    """Do what a server does when the caller goes away, but for the end of the test's connection."""
    for close in answer._resource_closers:
        close()


def uploaded(cells: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["n", "=cmd", "at"])
    for i, cell in enumerate(cells):
        writer.writerow([-i / 2, cell, f"2020-01-{i + 1:02d}T00:00:00Z"])
    return text.getvalue().encode()


def test_a_csv_opens_in_a_spreadsheet_without_running_anything(
    api: Callable[..., APIClient], ingested: Ingested
) -> None:
    version = ingested(uploaded(CELLS))
    answer = fetch(api(Role.VIEWER), version)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="people-v1.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    header, *rows = csv.reader(io.StringIO(content(answer).decode(), newline=""))
    assert header == ["n", "'=cmd", "at"]
    stored = lake.read_table(version)["=cmd"].to_pylist()
    expected = [f"'{cell}" if cell and cell[0] in "=+-@\t\r" else cell or "" for cell in stored]
    assert [row[1] for row in rows] == expected
    assert rows[2][0] == "-1"  # a number stays one
    event = AuditEvent.objects.get(action="dataset_version.downloaded")
    assert event.changes["raw"] is False


def test_a_raw_csv_comes_back_as_the_same_rows(
    api: Callable[..., APIClient], ingested: Ingested
) -> None:
    version = ingested(uploaded(CELLS))
    assert fetch(api(Role.VIEWER), version, raw="true").status_code == 403
    sent = content(fetch(api(Role.EDITOR), version, raw="true"))
    assert ingested(sent).sha256 == version.sha256


def test_a_raw_csv_of_whole_doubles_comes_back_as_doubles(
    api: Callable[..., APIClient], ingested: Ingested
) -> None:
    columns = {"n": [1.0, -0.0, None, -3.0], "large": [1e20, 1e16, 2.0, 0.0], "f": [0.5, 2.0, 1, 0]}
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({name: pa.array(v, pa.float64()) for name, v in columns.items()}), buffer
    )
    version = ingested(buffer.getvalue(), "data.parquet")
    again = ingested(content(fetch(api(Role.EDITOR), version, raw="true")))
    assert [one.type.value for one in Schema.from_dict(again.schema)] == ["number"] * 3
    assert again.sha256 == version.sha256


def test_a_parquet_file_holds_the_rows_that_were_asked_for(
    api: Callable[..., APIClient], ingested: Ingested
) -> None:
    version = ingested(b"a,b,c\n" + b"".join(b"%d,%d,x\n" % (i, i % 3) for i in range(50)))
    filters = json.dumps([{"column": "b", "operator": "equals", "value": 1}])
    client = api(Role.VIEWER)
    query = {"type": "parquet", "filters": filters, "columns": ["c", "a"]}
    answer = fetch(client, version, **query)
    assert answer["Content-Disposition"] == 'attachment; filename="people-v1.parquet"'
    table = pq.read_table(io.BytesIO(content(answer)))
    assert table.schema.names == ["c", "a"]
    assert table["a"].to_pylist() == list(range(1, 50, 3))
    table = pq.read_table(io.BytesIO(content(fetch(client, version, **query, order="-a"))))
    assert table["a"].to_pylist() == list(range(49, 0, -3))
    everything = pq.read_table(io.BytesIO(content(fetch(client, version, type="parquet"))))
    assert everything.equals(lake.read_table(version))


def test_what_is_wrong_is_said_before_anything_is_sent(
    api: Callable[..., APIClient], ingested: Ingested, other_project: Project, settings: Settings
) -> None:
    version = ingested(b"a\n1\n")
    client = api()
    assert fetch(client, version, type="xlsx").status_code == 422
    assert fetch(client, version, columns="b").json()["errors"][0]["field"] == "columns"
    assert fetch(api(in_project=other_project), version).status_code == 404
    assert APIClient().get(f"/api/v1/dataset-versions/{version.pk}/download/").status_code == 401
    settings.DOWNLOADS_AT_ONCE = 1
    first = fetch(client, version)
    busy = fetch(client, version)
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (
        503,
        "downloads_busy",
        "5",
    )
    hang_up(first)
    assert content(fetch(client, version)) == b"a\r\n1\n"


def test_a_grant_says_whether_rows_may_leave(
    api: Callable[..., APIClient], ingested: Ingested, dataset: Dataset, other_project: Project
) -> None:
    version = ingested(b"a\n1\n")
    client = api(Role.VIEWER, in_project=other_project)
    rows = f"/api/v1/dataset-versions/{version.pk}/rows/"
    assert (fetch(client, version).status_code, client.get(rows).status_code) == (404, 404)
    for level, may_download, may_look in (
        ("view", 403, 200),
        ("train", 403, 403),
        ("export", 200, 200),
    ):
        share(dataset, other_project.pk, level)
        answer = fetch(client, version)
        assert (answer.status_code, client.get(rows).status_code) == (may_download, may_look)
        hang_up(answer)


def test_a_name_from_any_script_is_a_file_name(
    principal: Principal, ingested: Ingested, dataset: Dataset
) -> None:
    version = ingested(b"a\n1\n")
    dataset.name = 'été/../"x"\r\n'
    version.dataset = dataset
    query = RowQuery(("a",))
    file = services.download_version(
        principal=principal, version=version, query=query, file_type="csv"
    )
    assert file.filename == "été_..__x___-v1.csv"
    assert b"".join(file.chunks) == b"a\r\n1\n"


@pytest.mark.parametrize("cells", [[None, "", "=x"], []])
def test_nulls_are_empty_and_empty_text_is_quoted(cells: list[str | None]) -> None:
    schema = pa.schema([("t", pa.string()), ("f", pa.float64()), ("b", pa.bool_())])
    rows = [{"t": cell, "f": 0.1, "b": True} for cell in cells]
    batches = pa.Table.from_pylist(rows, schema=schema).to_batches()
    text = b"".join(csv_chunks(schema, batches)).decode()
    assert text == "t,f,b\r\n" + (',0.1,true\n"",0.1,true\n"\'=x",0.1,true\n' if cells else "")
    assert pq.read_table(io.BytesIO(b"".join(parquet_chunks(schema, batches)))).to_pylist() == rows


def test_a_small_table_is_neutralised_too() -> None:
    assert csv_table(["=a", "b"], [["-x", -1], [None, True], [[1], 0.5]]) == (
        b"'=a,b\r\n'-x,-1\r\n,true\r\n[1],0.5\r\n"
    )


def test_a_file_is_made_piece_by_piece() -> None:
    schema = Schema.from_dict({"columns": [{"name": "a", "type": "integer"}]}).to_arrow()
    made: list[int] = []

    def batches() -> Any:
        for i in range(6):
            made.append(i)
            yield pa.RecordBatch.from_pydict({"a": list(range(65_536))}, schema=schema)

    chunks = parquet_chunks(schema, batches())
    assert next(chunks).startswith(b"PAR1")
    assert made == [0, 1]

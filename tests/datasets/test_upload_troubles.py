"""Generated files, one for each trouble that uploads have had: sent over REST, ingested, and told of in plain words.

After each of them: no trace of a program and no path in what is said, nothing half-written, and an ordinary file
right after it becomes a version.
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings as site
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from datasets import lake
from datasets.models import Dataset, DatasetVersion
from jobs.models import Job

pytestmark = pytest.mark.django_db

Send = Callable[..., tuple[Job, DatasetVersion]]


@pytest.fixture
def client(api: Callable[..., APIClient]) -> APIClient:
    return api()


@pytest.fixture
def send(client: APIClient, dataset: Dataset, run_all_jobs: Callable[[], list[Job]]) -> Send:
    """Return a function that uploads a file over REST and carries out its job."""

    def go(content: bytes, filename: str = "data.csv", **form: Any) -> tuple[Job, DatasetVersion]:
        answer = client.post(
            f"/api/v1/datasets/{dataset.pk}/versions/",
            {"file": SimpleUploadedFile(filename, content), **form},
            format="multipart",
        )
        assert answer.status_code == 202, answer.content
        (job,) = run_all_jobs()
        return job, DatasetVersion.objects.get(job=job)

    return go


def rows_of(version: DatasetVersion) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lake.read_table(version).to_pylist()]


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def arrow(column: pa.Array) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"x": column})
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def archive_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.csv", content)
    return buffer.getvalue()


#: Files that are read: what is sent, and the rows that it means.
READ: dict[str, tuple[bytes, str, list[tuple[Any, ...]]]] = {
    "byte-order mark": ("a,b\n1,é\n".encode("utf-8-sig"), "x.csv", [(1, "é")]),
    "cp1252": ("a,b\n1,é€\n".encode("cp1252"), "x.csv", [(1, "é€")]),
    "UTF-16 with a mark": ("a,b\n1,é\n".encode("utf-16"), "x.csv", [(1, "é")]),
    "UTF-16 without a mark": ("a,b\n1,é\n".encode("utf-16-le"), "x.csv", [(1, "é")]),
    "NaN is missing among numbers": (b"x\n1.5\nNaN\nnan\n", "x.csv", [(1.5,), (None,), (None,)]),
    "NaN is a word among words": (b"x\nNaN\nabc\n", "x.csv", [("NaN",), ("abc",)]),
    "mixed types": (b"x\n1\n2.5\nyes\n2026-01-01\n", "x.csv", [("1",), ("2.5",), ("yes",), ("2026-01-01",)]),
    "mixed types in JSON": (b'{"x": 1}\n{"x": "a"}\n{"x": true}\n', "x.jsonl", [("1",), ("a",), ("true",)]),
    "quoted newlines": (b'a,b\n1,"x\r\ny\n\nz"\n2,w\n', "x.csv", [(1, "x\r\ny\n\nz"), (2, "w")]),
    "semicolons": (b"a;b\n1;2,5\n", "x.csv", [(1, 2.5)]),
    "tabs": (b"a\tb\n1\tx,y\n", "x.tsv", [(1, "x,y")]),
    "leading zeros": (b"zip,n\n01067,7\n10115,8\n", "x.csv", [("01067", 7), ("10115", 8)]),
    "integers of 19 digits": (
        b"n\n9223372036854775807\n-9223372036854775808\n1234567890123456789\n",
        "x.csv",
        [(2**63 - 1,), (-(2**63),), (1234567890123456789,)],
    ),
    "integers beyond 64 bits": (b"n\n9223372036854775808\n1\n", "x.csv", [("9223372036854775808",), ("1",)]),
    "any script": ("日本,été,हिन्दी\n1,2,3\n".encode(), "名前.csv", [(1, 2, 3)]),
    "a cell of 50 MB in Parquet": (parquet(x=["y" * 50_000_000]), "x.parquet", [("y" * 50_000_000,)]),
    "gzip": (gzip.compress(b"a\n1\n"), "x.csv.gz", [(1,)]),
}  # fmt: skip


@pytest.mark.parametrize("trouble", READ)
def test_a_file_is_read_as_it_is_meant(trouble: str, send: Send) -> None:
    content, filename, rows = READ[trouble]
    job, version = send(content, filename)
    assert job.status == "succeeded", job.error_message
    assert rows_of(version) == rows


def understated(content: bytes) -> bytes:
    """Return a workbook whose archive says that its sheet has ten bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    return content.replace(struct.pack("<I", size), struct.pack("<I", 10))


#: Files that are refused: what is sent, the code, and what is said.
REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "an undecodable byte": ("a,b\n1,é\n2,".encode() + b"\xff\n", "x.csv", "unknown_encoding", "line 3"),
    "half a character at the end": ("a\n日本".encode()[:-1], "x.csv", "unknown_encoding", "byte"),
    "ragged rows": (b"a,b\n1,2\n3\n4,5\n6,7,8\n", "x.csv", "ragged_rows", "row 3, 5"),
    "equal headers": (b"a,b,a\n1,2,3\n", "x.csv", "bad_header", "Columns 1 and 3 have the same name ('a')"),
    "headers equal but for case": (b"name,Name\n1,2\n", "x.csv", "bad_header", "up to case the same name"),
    "headers equal in normal form": ("e\u0301,é\n1,2\n".encode(), "x.csv", "bad_header", "same name"),
    "an empty header": (b"a,,c\n1,2,3\n", "x.csv", "bad_header", "Column 2 has no name"),
    "header only": (b"a,b\n", "x.csv", "no_rows", "no row below it"),
    "blank lines only": (b"\n \n\n", "x.csv", "empty_file", ""),
    "inf": (b"x\n1.5\ninf\n", "x.csv", "not_finite", "rows 3"),
    "1e400": (b"x\n1.5\n1e400\n", "x.csv", "not_finite", "rows 3"),
    "inf in Parquet": (parquet(x=[1.5, float("inf")]), "x.parquet", "not_finite", ""),
    "1e400 in JSON": (b'{"x": 1.5}\n{"x": 1e400}\n', "x.jsonl", "not_finite", "row"),
    "NaN in JSON": (b'{"x": 1.5}\n{"x": NaN}\n', "x.jsonl", "unreadable_rows", "Row 2 cannot be read"),
    "a cell of 50 MB": (b"a,b\n1," + b"x" * 50_000_000 + b"\n", "x.csv", "row_too_large", "longer than 6 MB"),
    "a quoted cell of 50 MB": (b'a,b\n1,"' + b"x\n" * 25_000_000 + b'"\n', "x.csv", "row_too_large", "longer than 6 MB"),
    "a cell of 50 MB in JSON": (b'{"a": "' + b"x" * 50_000_000 + b'"}\n', "x.jsonl", "row_too_large", "longer than 6 MB"),
    "a header of a million columns": (
        ",".join(f"c{n}" for n in range(1_000_000)).encode() + b"\n" + b",".join([b"1"] * 1_000_000) + b"\n",
        "x.csv", "too_many_columns", "at most 2000",
    ),
    "a gzip bomb": (gzip.compress(b"a\n" + b"1\n" * 40_000_000), "x.csv.gz", "expands_too_much", "expands to more"),
    "a Parquet bomb": (parquet(x=["y" * 1_000_000] * 100), "x.parquet", "expands_too_much", ""),
    "a workbook bomb": (workbook(["a"], *[["x" * 30_000]] * 2_000), "x.xlsx", "expands_too_much", ""),
    "a workbook that says less than it holds": (understated(workbook(["a"], *[[n] for n in range(5_000)])), "x.xlsx", "unreadable_file", ""),
    "a truncated Parquet file": (parquet(x=list(range(1000)))[:-9], "x.parquet", "unreadable_file", "its end is missing"),
    "a truncated workbook": (workbook(["a"], [1])[:-300], "x.xlsx", "unreadable_file", ""),
    "a truncated gzip file": (gzip.compress(b"a\n" + bytes(range(48, 58)) * 9999)[:-20], "x.csv.gz", "unreadable_file", ""),
    "Parquet that is called CSV": (parquet(x=[1]), "x.csv", "format_mismatch", ""),
    "CSV that is called Parquet": (b"a\n1\n", "x.parquet", "format_mismatch", ""),
    "CSV that is called a workbook": (b"a\n1\n", "x.xlsx", "format_mismatch", ""),
    "a ZIP archive whose member leaves the folder": (archive_of(b"a\n1\n"), "x.zip", "unsupported_format", "ZIP"),
    "an Arrow extension type": (parquet(x=pa.array([b"0" * 16], pa.uuid())), "x.parquet", "unsupported_column_type", "'x'"),
    "an Arrow extension type in a feather file": (arrow(pa.array([b"0" * 16], pa.uuid())), "x.arrow", "unsupported_column_type", "'x'"),
}  # fmt: skip


@pytest.mark.parametrize("trouble", REFUSED)
def test_a_file_is_refused_in_plain_words_and_leaves_nothing(
    trouble: str, send: Send, client: APIClient, dataset: Dataset, settings: Settings
) -> None:
    content, filename, code, says = REFUSED[trouble]
    if "bomb" in trouble:
        settings.UPLOAD_MAX_BYTES = 25 << 20  # an upload may expand to twice as much
    began = time.monotonic()
    job, version = send(content, filename)
    assert (job.status, job.error_code) == ("failed", code), job.error_message
    assert time.monotonic() - began < 5 or "bomb" in trouble
    assert says in job.error_message
    shown = client.get(f"/api/v1/jobs/{job.pk}/").content.decode()
    for trace in ("Traceback", ".py", str(site.MLOPS_HOME), "/tmp"):
        assert trace not in shown
    assert version.status == "failed"
    assert lake.table_version(lake.dataset_path(dataset)) is None
    after, ready = send(b"a,b\n1,x\n")
    assert (after.status, rows_of(ready)) == ("succeeded", [(1, "x")])


def test_an_empty_file_is_refused_at_once(client: APIClient, dataset: Dataset) -> None:
    answer = client.post(
        f"/api/v1/datasets/{dataset.pk}/versions/",
        {"file": SimpleUploadedFile("x.csv", b"")},
        format="multipart",
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["file"]
    assert not Job.objects.exists()


def test_rejects_are_counted_where_that_is_wished(send: Send) -> None:
    job, version = send(
        b"a,b\n1,x\n2\n3,y\n4,z,z\n5,w\n", on_bad_rows="quarantine", most_bad_share="0.5"
    )
    assert job.status == "succeeded", job.error_message
    assert (version.row_count, version.quarantined_rows) == (3, 2)


def test_moments_around_daylight_saving_are_utc_and_ambiguous_ones_are_flagged(send: Send) -> None:
    """In Berlin 2024-03-31T02:30 never was, and 2024-10-27T02:30 was twice."""
    told = b"at\n2024-03-31T01:59:59+01:00\n2024-03-31T03:00:00+02:00\n2024-10-27T02:30:00+02:00\n2024-10-27T02:30:00+01:00\n"
    _, version = send(told)
    moments = [row[0].isoformat() for row in rows_of(version)]
    assert moments == [
        "2024-03-31T00:59:59+00:00",
        "2024-03-31T01:00:00+00:00",
        "2024-10-27T00:30:00+00:00",
        "2024-10-27T01:30:00+00:00",
    ]
    assert version.profile["notes"] == []
    _, version = send(b"at\n2024-03-31T02:30:00\n2024-10-27T02:30:00\n")
    assert [row[0].isoformat() for row in rows_of(version)] == [
        "2024-03-31T02:30:00+00:00",
        "2024-10-27T02:30:00+00:00",
    ]
    (note,) = [one for one in version.profile["notes"] if one["code"] == "zone_assumed"]
    assert "daylight saving" in note["message"]
    _, version = send(b"at\n2024-03-31T02:30:00+01:00\n2024-10-27T02:30:00\n")
    assert [one["code"] for one in version.profile["notes"]][:1] == ["mixed_zones"]


def test_formulas_are_neutralised_on_export_and_nowhere_else(send: Send, client: APIClient) -> None:
    cells = ["=1+1", "+A1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0"]
    _, version = send(b"n,f\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)).encode())
    assert [row[1] for row in rows_of(version)] == cells
    at = f"/api/v1/dataset-versions/{version.pk}"
    assert [row[1] for row in client.get(f"{at}/rows/").json()["rows"]] == cells
    sent = b"".join(client.get(f"{at}/download/?format=csv")).decode()
    lines = sent.splitlines()[1:]
    assert all(line.split(",", 1)[1].lstrip('"').startswith("'") for line in lines), lines


@pytest.mark.parametrize(
    "shape", ["a header of a million columns", "a cell of 50 MB", "a quoted cell of 50 MB"]
)
def test_memory_stays_bounded_whatever_is_sent(shape: str, tmp_path: Path) -> None:
    """Reading takes at most 150 MB more than the file reader itself, measured in a process of its own."""
    path = tmp_path / "content"
    path.write_bytes(REFUSED[shape][0])
    program = textwrap.dedent(
        """
        import os, resource, sys
        from pathlib import Path
        from core.errors import DomainError
        from datasets.formats.detection import open_source
        small = Path(sys.argv[1] + ".small")
        small.write_bytes(b"a,b\\n1,x\\n")
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for batch in open_source(small, filename="x.csv").batches():
            pass
        before = peak()
        try:
            for batch in open_source(Path(sys.argv[1]), filename="x.csv").batches():
                pass
        except DomainError as refusal:
            print(refusal.code, peak() - before, flush=True)
            os._exit(0)  # as the process of a job does: Arrow still reads ahead
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, grown_kib = done.stdout.split()
    assert code == REFUSED[shape][2]
    assert int(grown_kib) < 150 * 1024

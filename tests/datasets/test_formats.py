"""JSON lines, Arrow, Excel, and packed files: values arrive exactly, bombs and damage are refused."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from datasets import errors
from datasets.formats import Limits, ReadOptions
from datasets.formats.detection import open_source
from datasets.formats.source import Source


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Source]:
    def open_bytes(
        content: bytes, filename: str, options: ReadOptions | None = None, **limits: int
    ) -> Source:
        path = tmp_path / "content"
        path.write_bytes(content)
        return open_source(
            path, filename=filename, limits=Limits(**limits), scratch=tmp_path, options=options
        )

    return open_bytes


Opened = Callable[..., Source]


def values(source: Source) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pa.Table.from_batches(list(source.batches())).to_pydict()
    return found


def types(source: Source) -> dict[str, str]:
    return {column.name: column.type.value for column in source.schema}


def lines(*rows: str) -> bytes:
    return "\n".join(rows).encode() + b"\n"


def test_json_lines_keep_numbers_texts_and_truth_values_apart(opened: Opened) -> None:
    source = opened(
        lines(
            '{"n": 9223372036854775807, "x": 0.1, "t": "007", "ok": true, "at": "2020-01-01T00:00Z"}',
            "",
            '{"x": 2, "n": null, "t": "8", "ok": false, "new": "é"}',
        ),
        "data.jsonl",
    )
    assert types(source) == {
        "n": "integer", "x": "number", "t": "string", "ok": "boolean", "at": "timestamp",
        "new": "string",
    }  # fmt: skip
    assert values(source) == {
        "n": [2**63 - 1, None],
        "x": [0.1, 2.0],
        "t": ["007", "8"],
        "ok": [True, False],
        "at": [datetime(2020, 1, 1, tzinfo=UTC), None],
        "new": [None, "é"],
    }


def test_digits_that_a_double_cannot_carry_stay_text_in_json(opened: Opened) -> None:
    source = opened(lines('{"a": 0.12345678901234567890, "b": 123456789012345678901}'), "x.ndjson")
    assert values(source) == {"a": ["0.12345678901234567890"], "b": ["123456789012345678901"]}
    assert {note.code for note in source.notes} == {"inexact_decimals"}


def test_a_column_of_numbers_and_texts_is_text_and_says_so(opened: Opened) -> None:
    source = opened(lines('{"a": 1}', '{"a": "1"}'), "x.jsonl")
    assert values(source) == {"a": ["1", "1"]}
    assert [note.code for note in source.notes] == ["mixed_kinds"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": ', "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"a": {"b": 1}}', "list or an object"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1, "a": 2}', "twice"),
        ("{}", "empty"),
        ('{"a": "\\ud800"}', "half of a character"),
        ("[" * 100_000, "no JSON object"),
    ],
)
def test_a_line_that_is_no_row_is_refused_by_its_number(
    opened: Opened, line: str, reason: str
) -> None:
    with pytest.raises(errors.UnreadableRows, match=reason) as refusal:
        opened(lines('{"a": 1}', line), "x.jsonl")
    assert refusal.value.details["rows"] == [2]


def test_a_json_array_is_refused_with_advice(opened: Opened) -> None:
    with pytest.raises(errors.UnreadableFile, match="one object per line"):
        opened(b'[{"a": 1}]', "x.json")


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"a": _SCALAR, "b": st.floats(allow_nan=False, allow_infinity=False)}
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_json_scalars_are_read_without_loss(opened: Opened, rows: list[dict[str, Any]]) -> None:
    source = opened(lines(*(json.dumps(row) for row in rows)), "x.jsonl")
    assert [float(v) for v in values(source)["b"]] == [row["b"] for row in rows]
    if {type(row["a"]) for row in rows} <= {int, type(None)} and any(
        row["a"] is not None for row in rows
    ):
        assert values(source)["a"] == [row["a"] for row in rows]


TABLE = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "t": pa.array(["a", "b", None]).dictionary_encode(),
        "day": pa.array([date(2020, 1, 1), None, None]),
    }
)


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_arrow_files_and_streams_are_read(opened: Opened, compression: str) -> None:
    buffer = io.BytesIO()
    feather.write_feather(TABLE, buffer, compression=compression)
    assert values(opened(buffer.getvalue(), "x.feather"))["t"] == ["a", "b", None]
    sink = io.BytesIO()
    codec = None if compression == "uncompressed" else compression
    with pa.ipc.new_stream(
        sink, TABLE.schema, options=pa.ipc.IpcWriteOptions(compression=codec)
    ) as w:
        w.write_table(TABLE)
    source = opened(sink.getvalue(), "x.arrows")
    assert values(source)["n"] == [1, None, 3]
    assert source.description == {"layout": "stream"}


def test_what_compressed_arrow_buffers_claim_is_believed_before_they_are_unpacked(
    opened: Opened,
) -> None:
    buffer = io.BytesIO()
    big = pa.table({"x": pa.array([0] * 200_000)})
    feather.write_feather(big, buffer, compression="zstd", chunksize=200_000)
    with pytest.raises(errors.ExpandsTooMuch):
        opened(buffer.getvalue(), "x.feather", expanded_bytes=1_000_000)
    claimed = struct.pack("<q", 1_600_000)
    assert claimed in buffer.getvalue()
    lying = buffer.getvalue().replace(claimed, struct.pack("<q", 1 << 50), 1)
    with pytest.raises(errors.ExpandsTooMuch):
        opened(lying, "x.feather")


def test_damaged_arrow_never_escapes_as_anything_but_a_refusal(opened: Opened) -> None:
    buffer = io.BytesIO()
    feather.write_feather(TABLE, buffer, compression="lz4")
    content = buffer.getvalue()
    for cut in (9, len(content) // 2, len(content) - 3):
        with pytest.raises(DomainError):
            values(opened(content[:cut], "x.arrow"))
    for at in range(8, len(content) - 8, 37):
        damaged = bytearray(content)
        damaged[at] ^= 0x5A
        try:
            values(opened(bytes(damaged), "x.arrow"))
        except DomainError:
            continue


def test_extension_types_are_refused_by_name_in_arrow(opened: Opened) -> None:
    sink = io.BytesIO()
    table = pa.table({"identity": pa.array([b"0" * 16], pa.uuid())})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(errors.UnsupportedColumnType, match="identity"):
        opened(sink.getvalue(), "x.arrow")


def workbook(*rows: list[Any], sheet: str = "Data", other: bool = False) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    if other:
        second = book.create_sheet("Other")
        second.append(["z"])
        second.append([5])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_sheet_is_read_with_the_values_that_the_workbook_has(opened: Opened) -> None:
    content = workbook(
        ["n", "x", "t", "ok", "at"],
        [1, 0.1, "007", True, datetime(2020, 1, 1, 12, 30)],  # noqa: DTZ001
        [None, 2, "8", False, None],
        [],
        [3, None, "x = 1", None, date(2021, 3, 28)],
        other=True,
    )
    source = opened(content, "x.xlsx")
    assert types(source) == {
        "n": "integer", "x": "number", "t": "string", "ok": "boolean", "at": "timestamp",
    }  # fmt: skip
    assert values(source)["t"] == ["007", "8", "x = 1"]
    assert values(source)["at"][0] == datetime(2020, 1, 1, 12, 30, tzinfo=UTC)
    assert source.description == {"sheet": "Data"}
    named = opened(content, "x.xlsx", ReadOptions(sheet="Other"))
    assert values(named) == {"z": [5]}
    with pytest.raises(errors.SheetNotFound, match="Data"):
        opened(content, "x.xlsx", ReadOptions(sheet="Nope"))


def test_formulas_without_a_value_and_values_beyond_the_header_are_refused_by_row(
    opened: Opened,
) -> None:
    with pytest.raises(errors.UnreadableRows, match="without a stored value") as refusal:
        opened(workbook(["a", "b"], [1, 2], [1, "=A2+1"]), "x.xlsx")
    assert refusal.value.details["rows"] == [3]
    with pytest.raises(errors.UnreadableRows, match="beyond the 1 of the header"):
        opened(workbook(["a"], [1, 2]), "x.xlsx")
    with pytest.raises(errors.UnreadableRows, match="#DIV/0!"):
        opened(workbook(["a"], ["#DIV/0!"]), "x.xlsx")


def rezipped(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", 8) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part.filename, old.read(part)))
    return buffer.getvalue()


def test_workbooks_that_expand_too_much_are_refused_unopened(opened: Opened) -> None:
    content = workbook(["a"], *[["x" * 1000] for _ in range(300)])
    with pytest.raises(errors.ExpandsTooMuch):
        opened(content, "x.xlsx", expanded_bytes=20_000)
    with pytest.raises(errors.ExpandsTooMuch):
        opened(content, "x.xlsx", shared_bytes=1_000)


def test_a_sheet_that_jumps_to_a_far_row_or_names_entities_is_refused(opened: Opened) -> None:
    content = workbook(["a"], [1])

    def far(name: str, data: bytes) -> bytes:
        return data.replace(b'<row r="2"', b'<row r="2000000000"') if "sheet1" in name else data

    with pytest.raises(errors.UnreadableFile, match="1048576"):
        opened(rezipped(content, far), "x.xlsx")

    def entity(name: str, data: bytes) -> bytes:
        head = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        return data.replace(b"<worksheet", head + b"<worksheet", 1) if "sheet1" in name else data

    with pytest.raises(errors.UnreadableFile):
        opened(rezipped(content, entity), "x.xlsx")


def test_other_archives_and_damaged_workbooks_are_told_apart(opened: Opened) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.csv", "a\n1\n")
    with pytest.raises(errors.UnsupportedFormat, match="ZIP"):
        opened(buffer.getvalue(), "x.zip")
    content = workbook(["a"], [1])
    with pytest.raises(errors.UnreadableFile):
        opened(content[: len(content) // 2], "x.xlsx")
    with pytest.raises(errors.FormatMismatch):
        opened(content, "x.csv")
    with pytest.raises(errors.FormatMismatch):
        opened(b"a\n1\n", "x.xlsx")


def packed_zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (packed_zstd, "zst")])
def test_packed_files_are_read_as_what_is_in_them(
    opened: Opened, pack: Callable[[bytes], bytes], ending: str
) -> None:
    assert values(opened(pack(b"a,b\n1,x\n"), f"x.csv.{ending}")) == {"a": [1], "b": ["x"]}
    assert values(opened(pack(b'{"a": 1}\n'), f"x.jsonl.{ending}")) == {"a": [1]}
    assert values(opened(pack(workbook(["a"], [1])), f"x.xlsx.{ending}")) == {"a": [1]}
    with pytest.raises(errors.FormatMismatch):
        opened(pack(b"a\n1\n"), "x.csv")
    with pytest.raises(errors.FormatMismatch):
        opened(b"a\n1\n", f"x.csv.{ending}")
    with pytest.raises(errors.ExpandsTooMuch):
        opened(pack(b"a\n" + b"1\n" * 500_000), f"x.csv.{ending}", expanded_bytes=100_000)
    with pytest.raises(errors.UnreadableFile):
        opened(pack(b"a\n" + bytes(range(48, 58)) * 9999)[:-7], f"x.csv.{ending}")
    with pytest.raises(errors.UnsupportedFormat):
        opened(pack(pack(b"a\n1\n")), f"x.{ending}")


def test_several_gzip_members_are_one_file(opened: Opened) -> None:
    content = gzip.compress(b"a\n1\n") + gzip.compress(b"2\n")
    assert values(opened(content, "x.csv.gz")) == {"a": [1, 2]}


def test_a_tab_separated_file_is_called_so_and_may_have_one_column(opened: Opened) -> None:
    assert opened(b"a\tb\n1\t2\n", "x.tsv").format == "tsv"
    assert values(opened(b"a,b\n1\n", "x.tsv")) == {"a,b": [1]}

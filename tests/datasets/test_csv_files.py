"""CSV files are read whatever their dialect, or refused with the place that is wrong."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from datasets import errors
from datasets.formats import Limits
from datasets.formats.detection import open_source
from datasets.formats.source import Source

Opened = Callable[..., Source]


def rows_of(source: Source) -> list[tuple[object, ...]]:
    found = []
    for batch in source.batches():
        found += [tuple(row.values()) for row in batch.to_pylist()]
    return found


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("n;t\n1;é\n", "utf-8"),
        ("n;t\n1;é\n", "utf-8-sig"),
        ("n;t\n1;é\n", "cp1252"),
        ("n;t\n1;é\n", "utf-16"),
        ("n;t\n1;é\n", "utf-32"),
        ("n;t\n1;é\n", "utf-16-le"),
        ("n;t\n1;é\n", "utf-16-be"),
    ],
)
def test_usual_encodings_are_recognised(opened: Opened, content: str, encoding: str) -> None:
    assert rows_of(opened(content.encode(encoding))) == [(1, "é")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_usual_delimiters_are_recognised(opened: Opened, delimiter: str) -> None:
    source = opened(f'a{delimiter}b\n1{delimiter}"x,;|\t"\n'.encode())
    assert rows_of(source) == [(1, "x,;|\t")]
    assert source.description["delimiter"] == delimiter


def test_quoted_cells_may_hold_line_ends_and_quotes(opened: Opened) -> None:
    content = b'a,b\r\n1,"two\nlines"\r\n2,"say ""hi"""\r\n'
    assert rows_of(opened(content)) == [(1, "two\nlines"), (2, 'say "hi"')]


def test_leading_zeros_and_long_integers_are_kept_exactly(opened: Opened) -> None:
    source = opened(b"zip,big,huge\n01234,9223372036854775807,12345678901234567890123\n")
    assert rows_of(source) == [("01234", 9223372036854775807, "12345678901234567890123")]


def test_a_column_is_text_when_only_the_last_of_many_rows_is(opened: Opened) -> None:
    source = opened(b"a,b\n" + b"1,2\n" * 5000 + b"x,2\n", block_bytes=4096)
    assert [c.type.value for c in source.schema] == ["string", "integer"]
    assert sum(batch.num_rows for batch in source.batches()) == 5001


def test_decimal_commas_are_read_in_files_with_semicolons(opened: Opened) -> None:
    source = opened(b"a;b\n1,5;x\n2;y\n")
    assert rows_of(source) == [(1.5, "x"), (2.0, "y")]
    assert [note.code for note in source.notes] == ["decimal_comma"]


def test_assumed_time_zones_are_pointed_out(opened: Opened) -> None:
    source = opened(
        b"naive,mixed,zoned\n2021-03-28 02:30,2021-01-01,2021-01-01T00:00Z\n"
        b"2021-03-28 03:30,2021-01-01T00:00Z,2021-01-02T00:00Z\n"
    )
    codes = {note.column: note.code for note in source.notes}
    assert codes == {"naive": "zone_assumed", "mixed": "mixed_zones"}


def test_empty_lines_are_skipped_and_empty_cells_are_null(opened: Opened) -> None:
    assert rows_of(opened(b'a,b\n\n1,""\n\n,x\n')) == [(1, None), (None, "x")]


def test_names_in_any_script_are_kept_in_normal_form(opened: Opened) -> None:
    source = opened("日本, e\u0301té ,<b>\n1,2,3\n".encode())
    assert source.schema.names == ("日本", "été", "<b>")


REFUSED = [
    (b"", errors.EmptyFile),
    (b" \n\n ", errors.EmptyFile),
    (b"\xef\xbb\xbf", errors.EmptyFile),
    (b"a,b\n", errors.NoRows),
    (b"a,b\n1,2\n3\n4,5,6\n", errors.RaggedRows),
    (b"a,a\n1,2\n", errors.BadHeader),
    (b"a,A\n1,2\n", errors.BadHeader),
    ("e\u0301,é\n1,2\n".encode(), errors.BadHeader),
    (b"a,\n1,2\n", errors.BadHeader),
    (b"__row__,b\n1,2\n", errors.BadHeader),
    (b'"a\nb",c\n1,2\n', errors.BadHeader),
    (b"a" * 300 + b",b\n1,2\n", errors.BadHeader),
    (b"a,b\n1,\x00\n", errors.UnknownEncoding),
    (b"a,b\n1,\x81\n", errors.UnknownEncoding),
    (b'a,b\n1,"2\n3,4\n', errors.UnclosedQuote),
    (b'a,b\n1,2\n3,"4\n', errors.UnclosedQuote),
    (b"a\n1\n1e400\n0.5\n", errors.NotFinite),
    (b"a\n1\ninf\n", errors.NotFinite),
    (b"\x1f\x8b\x08\x00rest", errors.FormatMismatch),
    (b"PK\x03\x04rest", errors.FormatMismatch),
    (b"PAR1rest", errors.FormatMismatch),
]


@pytest.mark.parametrize(("content", "refusal"), REFUSED)
def test_files_that_cannot_be_a_table_are_refused(
    opened: Opened, content: bytes, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal) as caught:
        rows_of(opened(content))
    assert caught.value.errors
    assert "Traceback" not in caught.value.message


def test_ragged_rows_are_named_as_a_spreadsheet_counts_them(opened: Opened) -> None:
    with pytest.raises(errors.RaggedRows) as refusal:
        opened(b"a,b\n1,2\n3\n4,5\n6,7,8\n")
    assert refusal.value.details["rows"] == [3, 5]
    assert "row 3 has 1 cell(s) instead of 2" in refusal.value.errors[0].message


def test_a_file_full_of_ragged_rows_is_given_up_early(opened: Opened) -> None:
    with pytest.raises(errors.RaggedRows, match="At least 20 rows"):
        opened(b"a,b\n" + b"1\n" * 10_000)


def test_an_undecodable_byte_is_refused_with_its_position(opened: Opened) -> None:
    with pytest.raises(errors.UnknownEncoding) as refusal:
        opened("a,b\n1,é\n2,".encode() + b"\xff\n")
    assert refusal.value.details == {"position": 11, "line": 3}


def test_a_quote_that_never_closes_does_not_swallow_the_rest_in_silence(opened: Opened) -> None:
    content = b"a,b\n" + b"1,2\n" * 10 + b'3,"4\n' + b"5,6\n" * 10
    with pytest.raises(errors.UnclosedQuote, match=r"row 1[12]"):
        opened(content)


@pytest.mark.parametrize("columns", [2_001, 300_000])
def test_an_absurd_number_of_columns_is_refused_at_once(opened: Opened, columns: int) -> None:
    began = time.monotonic()
    header = ",".join(f"c{i}" for i in range(columns)).encode()
    with pytest.raises(errors.TooManyColumns):
        opened(header + b"\n" + b",".join([b"1"] * columns) + b"\n")
    assert time.monotonic() - began < 5


def test_a_huge_cell_is_refused_without_being_held(opened: Opened) -> None:
    with pytest.raises(errors.RowTooLarge):
        opened(b"a,b\n1," + b"x" * 13_000_000 + b"\n")


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n" + b"1234567,abcdefgh\n" * 200_000)
    told: list[float] = []
    source = open_source(
        path, filename="data.csv", limits=Limits(block_bytes=1 << 20), progress=told.append
    )
    list(source.batches(progress=told.append))
    first_pass = told[: told.index(1.0) + 1]
    assert first_pass == sorted(first_pass)
    assert len(set(first_pass)) > 2
    assert told[-1] == 1.0


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=8)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
@given(rows=st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=20))
def test_what_the_csv_module_writes_is_read_back(
    opened: Opened, rows: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second"])
    # A word in the first row keeps both columns text.
    writer.writerows([("word", "word"), *rows])
    read = rows_of(opened(buffer.getvalue().encode()))
    assert read == [("word", "word"), *[(a or None, b or None) for a, b in rows]]


def test_batches_are_bounded_by_the_block(opened: Opened) -> None:
    source = opened(b"a,b\n" + b"1,x\n" * 50_000, block_bytes=8192)
    sizes = [batch.num_rows for batch in source.batches()]
    assert max(sizes) <= 8192
    assert sum(sizes) == 50_000
    assert all(isinstance(batch, pa.RecordBatch) for batch in source.batches())

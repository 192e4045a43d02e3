"""Reading a file once gives what looking closely at every cell gives; nothing depends on the guess."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from datasets import lake
from datasets.checking.suggestions import suggest_checks
from datasets.digest import digest_batches
from datasets.formats import Limits
from datasets.formats.detection import open_source
from datasets.formats.source import SchemaRefuted
from datasets.models import DatasetVersion
from datasets.presentation import column_cards
from datasets.profile import ColumnProfile, TableStream, role_of
from datasets.profile import sketches as sketch_sizes
from datasets.schema import Column, ColumnType, Role, Schema
from datasets.schema import text as cell_text
from datasets.schema.conversion import typed_array
from datasets.schema.inference import ColumnGuess
from datasets.schema.quick import looks_numeric, quick_read
from datasets.schema.rounding import Decimals, surely_rounded

Ingested = Callable[..., DatasetVersion]

_CELL = st.one_of(
    st.none(),
    st.sampled_from(
        ["0", "-0", "-1", "007", "+1", "0x1f", "1.", ".5", "-.5", "-0.5", "00.5", "1e5", "1E-3", "1e400",
         "1e-400", "inf", "nan", "NA", " 1", "true", "FALSE", "9" * 18, "9" * 19, "9007199254740993",
         "1.5e-7", "-2.5E+3", "1.5e00001", "01.5e3", "0.1234567890123456789e-5",
         "0.1000000000000000055511151231257827", "0.12345678901234567", "123456789.1234567891", "1,5",
         "2020-02-29", "2021-02-29", "2020-01-01 10", "2020-01-01 10:00", "2020-01-01T10:00:00.5",
         "2020-01-01 10:00Z", "2020-01-01T10:00:00+02:00", "2020-01-01 10Z", "0000-01-01", "x", "é"]
    ),
    st.integers(-(2**64), 2**64).map(str),
    st.floats().map(repr),
    st.datetimes().map(str),
)  # fmt: skip
_READINGS = [(t, False) for t in ColumnType if t is not ColumnType.STRING]


def _closely(cells: pa.Array, type_: ColumnType) -> Any:
    """Read cells by the rules alone, one by one."""
    checks = {
        ColumnType.BOOLEAN: cell_text.is_boolean,
        ColumnType.INTEGER: cell_text.is_integer,
        ColumnType.NUMBER: cell_text.is_number,
        ColumnType.TIMESTAMP: cell_text.is_timestamp,
    }
    return all(checks[type_](pa.array([cell]))[0].as_py() for cell in cells.drop_null().to_pylist())


@settings(max_examples=150)
@given(st.lists(_CELL, min_size=1, max_size=6))
@example(["+1", "0.0"])
def test_a_quick_reading_takes_only_what_the_rules_take(cells: list[str | None]) -> None:
    array = pa.array(cells, pa.string())
    for reading in _READINGS:
        found = quick_read(array, reading)
        if found is None:
            continue
        assert _closely(array, reading[0]), reading
        assert found.values.type == reading[0].arrow
        for other, _ in found.fits:
            assert _closely(array, other)
        for other, comma in _READINGS:
            if (other, comma) not in found.fits and found.values.null_count < len(cells):
                assert not _closely(array, other)


@given(
    st.lists(
        st.one_of(st.text("0123456789", max_size=4), st.text("0-.e 9", max_size=4)), max_size=6
    ),
    st.integers(0, 2),
)
@example(["", "007", "0", "10"], 1)
def test_texts_of_digits_look_numeric_as_the_rules_say(cells: list[str], offset: int) -> None:
    array = pa.array(cells, pa.string()).slice(offset)
    assert looks_numeric(array) == cell_text.looks_numeric(cell_text.trimmed(array))


@settings(max_examples=80)
@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), min_size=1, max_size=4))
def test_guesses_of_parts_put_together_are_the_guess_of_the_whole(
    parts: list[list[str | None]],
) -> None:
    whole, merged = ColumnGuess(), ColumnGuess()
    for cells in parts:
        whole.update(pa.array(cells, pa.string()))
    for cells in parts:
        part = merged.part()
        part.read(pa.array(cells, pa.string()), whole.reading)
        merged.merge(part)
    for name in ("reading", "is_inexact", "naive_times", "zoned_times"):
        assert getattr(merged, name) == getattr(whole, name)
    if whole.type is not ColumnType.STRING:
        assert merged.missing_count == whole.missing_count


_ROWS = st.lists(
    st.tuples(_CELL, _CELL, st.sampled_from(["a", '"b\nc"', '"d""e"'])), min_size=1, max_size=12
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(_ROWS, st.integers(16, 80))
def test_one_pass_and_two_passes_give_the_same_rows(
    tmp_path: Path, rows: list[tuple[str | None, str | None, str]], block_bytes: int
) -> None:
    path = tmp_path / "data.csv"
    body = "\n".join(f"{_quoted(a)},{_quoted(b)},{c}" for a, b, c in rows)
    path.write_text(f"a,b,c\n{body}\n", encoding="utf-8", newline="")
    limits = Limits(block_bytes=max(200, block_bytes * 4))

    def read(*, once: bool) -> Any:
        try:
            source = open_source(path, filename="data.csv", limits=limits, infers=not once)
            if once:
                try:
                    batches = list(source.attempt())
                except SchemaRefuted:
                    batches = list(source.batches())
            else:
                batches = list(source.batches())
        except DomainError as refusal:
            return refusal.code, refusal.message
        schema = source.schema
        return schema, digest_batches(schema, batches), source.notes

    assert read(once=True) == read(once=False)


def _quoted(cell: str | None) -> str:
    return "" if cell is None else f'"{cell}"' if "," in cell else cell


def test_a_guess_that_the_last_row_refutes_costs_a_pass_and_nothing_else(
    ingested: Ingested, db: None
) -> None:
    version = ingested(b"a,b\n" + b"1,x\n" * 150_000 + b"007,x\n")
    schema = Schema.from_dict(version.schema)
    assert schema.column("a").type is ColumnType.STRING
    assert version.row_count == 150_001
    folder = Path(lake.dataset_path(version.dataset))
    assert len(list(folder.glob("*.parquet"))) == 1


def test_line_ends_in_quotes_at_the_edge_of_a_block_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = [f'{i},"first\n{i},odd "" quote\nlast"' for i in range(400)]
    path.write_text("n,t\n" + "\n".join(rows) + "\n", newline="")
    for size in (257, 300, 1000):
        source = open_source(path, filename="data.csv", limits=Limits(block_bytes=size))
        found = pa.Table.from_batches(list(source.batches()))
        assert found["n"].to_pylist() == list(range(400))
        assert found["t"][7].as_py() == "7".join(["first\n", ',odd " quote\nlast'])


def test_a_stray_quote_within_a_cell_shifts_no_row(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("n,t\n" + "".join(f'{i},5" pipe\n' for i in range(999)), newline="")
    source = open_source(path, filename="data.csv", limits=Limits(block_bytes=512))
    found = pa.Table.from_batches(list(source.batches()))
    assert found["t"].to_pylist() == ['5" pipe'] * 999


def test_what_was_read_behind_a_block_that_is_read_again_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    cells = [f'{i},5" pipe' if i % 3 == 0 else f'{i},"{i}\n,""x"' for i in range(600)]
    path.write_text("n,t\n" + "\n".join(cells) + "\n", newline="")
    for size in (257, 300, 1000, 3001):
        source = open_source(path, filename="data.csv", limits=Limits(block_bytes=size))
        found = pa.Table.from_batches(list(source.batches()))
        assert found["n"].to_pylist() == list(range(600))
        assert found["t"][1].as_py() == '1\n,"x'


def test_text_that_stops_being_utf8_late_is_read_as_cp1252(ingested: Ingested, db: None) -> None:
    plain = b"a,b\n" + b"1,plain\n" * 140_000
    version = ingested(plain + "2,café\n".encode("cp1252"))
    assert version.source["encoding"] == "cp1252"
    assert lake.read_table(version, ["b"])["b"][-1].as_py() == "café"


def test_other_engines_read_the_same_rows(ingested: Ingested, db: None) -> None:
    version = ingested(
        b"i,x,t,ok,at\n1,0.5,\xc3\xa9,true,2020-01-01\n,,,,\n-9223372036854775808,1e-5,x,false,1969-12-31T23:59:59.5Z\n"
    )
    path = lake.dataset_path(version.dataset)
    ours = lake.read_table(version).to_pydict()
    frame = polars.read_delta(path, version=version.delta_version)
    assert frame.drop("__row__").to_dict(as_series=False) == ours
    table = DeltaTable(path, version=version.delta_version).to_pyarrow_table()
    assert table.drop_columns(["__row__"]).to_pydict() == ours
    assert table["__row__"].to_pylist() == [0, 1, 2]


def test_other_engines_read_integers_and_texts_stored_as_differences(
    ingested: Ingested, db: None
) -> None:
    rng = np.random.default_rng(1)
    numbers = [-(2**63), 2**63 - 1, 0, *rng.integers(-(2**62), 2**62, 997).tolist()]
    keys = [f"{key:016x}" for key in rng.integers(0, 2**63, 1000)]
    keys[7] = keys[999] = ""
    rows = "".join(f"{n},{key}\n" for n, key in zip(numbers, keys, strict=True))
    version = ingested(f"n,key\n{rows}".encode())
    expected = {"n": numbers, "key": [key or None for key in keys]}
    assert lake.read_table(version).to_pydict() == expected
    path = lake.dataset_path(version.dataset)
    (file,) = (part for part in Path(path).iterdir() if part.suffix == ".parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    assert "DELTA_BINARY_PACKED" in group.column(1).encodings
    assert "DELTA_LENGTH_BYTE_ARRAY" in group.column(2).encodings
    frame = polars.read_delta(path, version=version.delta_version)
    assert frame.drop("__row__").to_dict(as_series=False) == expected
    seen = duckdb.execute(f"SELECT n, key FROM '{file}' ORDER BY __row__").fetchall()
    assert seen == list(zip(*expected.values(), strict=True))


def test_an_append_leaves_the_files_of_its_parent_alone(ingested: Ingested, db: None) -> None:
    first = ingested(b"a\n1\n2\n")
    folder = Path(lake.dataset_path(first.dataset))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    second = ingested(b"a\n3\n", mode="append")
    whole = ingested(b"a\n1\n2\n3\n")
    assert second.sha256 == whole.sha256
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_files_of_an_attempt_that_died_are_removed_by_the_next(tmp_path: Path) -> None:
    from datasets.lake.parts import Parts

    schema = pa.schema([pa.field("a", pa.int64())])
    batch = pa.record_batch([pa.array([1])], schema=schema)
    lost = Parts(str(tmp_path), schema, prefix="part-x")
    lost.write(batch)
    lost._flush()
    assert len(list(tmp_path.glob("part-x*"))) == 1
    with Parts(str(tmp_path), schema, prefix="part-x") as parts:
        parts.write(batch)
    assert [path.name for path in tmp_path.glob("part-x*")] == [parts.parts[0].name]

    def fill_the_disk() -> None:
        with Parts(str(tmp_path), schema, prefix="part-y") as full:
            full.write(batch)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert not list(tmp_path.glob("part-y*"))


_SCHEMA = Schema(
    (
        Column("n", ColumnType.INTEGER),
        Column("x", ColumnType.NUMBER),
        Column("t", ColumnType.STRING),
        Column("ok", ColumnType.BOOLEAN),
        Column("at", ColumnType.TIMESTAMP),
    )
)


def test_a_long_table_is_profiled_from_a_sample_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sketch_sizes, "SAMPLE_ROWS", 4_000)
    monkeypatch.setattr(sketch_sizes, "DISTINCT_KEPT", 2_000)
    stream, count = TableStream(_SCHEMA), 40_000
    for start in range(0, count, 2_500):
        numbers = range(start, start + 2_500)
        stream.update(
            pa.record_batch(
                [
                    pa.array(numbers),
                    pa.array([None if i % 10 == 0 else i / 100 for i in numbers]),
                    pa.array([f"t{i % 7}" for i in numbers]),
                    pa.array([i % 4 == 0 for i in numbers]),
                    pa.array([i * 10**9 for i in numbers], pa.timestamp("us", "UTC")),
                ],
                schema=_SCHEMA.to_arrow(),
            )
        )
    found = {column.name: column.to_dict() for column in stream.columns()}
    assert all(column["is_estimate"] and column["rows"] == count for column in found.values())
    assert found["n"]["distinct"] == count
    assert found["n"]["is_unique"] is None  # as far as the sample tells
    assert found["x"]["is_unique"] is found["t"]["is_unique"] is False
    assert (found["x"]["nulls"], found["t"]["distinct"]) == (4_000, 7)
    assert found["x"]["mean"] == pytest.approx(200.0, rel=1e-3)
    assert found["n"]["std"] == pytest.approx(count / 12**0.5, rel=1e-3)
    levels = {one["p"]: one["value"] for one in found["n"]["quantiles"]}
    assert (levels[0.0], levels[1.0]) == (0, count - 1)
    assert levels[0.5] == pytest.approx(count / 2, rel=0.05)
    assert sum(one["count"] for one in found["x"]["histogram"]) == 36_000
    assert sum(one["count"] for one in found["t"]["top"]) == count
    assert found["ok"]["top"][1] == {"value": True, "count": 10_000}


def _long_ids(monkeypatch: pytest.MonkeyPatch, numbers: list[int]) -> ColumnProfile:
    monkeypatch.setattr(sketch_sizes, "SAMPLE_ROWS", 4_000)
    monkeypatch.setattr(sketch_sizes, "DISTINCT_KEPT", 2_000)
    stream = TableStream(Schema((Column("row_id", ColumnType.INTEGER),)))
    for start in range(0, len(numbers), 2_000):
        part = pa.array(numbers[start : start + 2_000], pa.int64())
        stream.update(pa.record_batch([part], names=["row_id"]))
    return stream.columns()[0]


def test_a_sample_does_not_prove_that_values_are_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _long_ids(monkeypatch, [*range(39_999), 7])
    assert found.is_unique is None  # not True: one number is there twice
    assert role_of(found) is Role.IDENTIFIER
    schema = Schema((Column("row_id", ColumnType.INTEGER, role=Role.IDENTIFIER),))
    profile = {"row_count": 40_000, "columns": [found.to_dict()]}
    suggested = suggest_checks(schema, profile, row_count=40_000, at=datetime.now(UTC))
    (one,) = (check for check in suggested if check.spec.kind == "uniqueness")
    assert (one.severity, "sample" in one.reason) == ("warning", True)
    (card,) = column_cards(schema.to_dict(), profile)
    assert any("whether any does was not counted" in note for note in card.notes)


def test_values_that_are_twice_in_the_sample_are_not_unique(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = _long_ids(monkeypatch, [n - n % 10 // 9 for n in range(40_000)])
    assert found.is_unique is False
    assert role_of(found) is Role.FEATURE


@pytest.mark.parametrize("pair", list(itertools.pairwise(["0.1", "0.10", "0.1000", "1e-1"])))
def test_spellings_of_one_number_are_one_number(pair: tuple[str, str]) -> None:
    values = typed_array(pa.array(pair), ColumnType.NUMBER, name="x", first_row=2)
    assert values.to_pylist() == [0.1, 0.1]


_LONG_DECIMAL = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: f"{x:.17f}"),
    st.floats(-10, 10).map(lambda x: f"{x:.15f}"),
    st.from_regex(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{6,17}", fullmatch=True),
    st.integers(0, 22).map(lambda zeros: f"0.{'0' * zeros}1{'0' * (22 - zeros)}"),
)


def _are_sure(
    texts: list[str], values: list[float] | None = None, *, before: str = "", between: str = ""
) -> list[bool]:
    """Ask for texts that lie in a buffer behind something else, and apart."""
    lengths = np.array([len(text) for text in texts], np.int32)
    starts = len(before) + np.cumsum(lengths, dtype=np.int64) - lengths
    starts += len(between) * np.arange(len(texts))
    data = np.frombuffer((before + between.join(texts)).encode(), np.uint8)
    numbers = np.array([float(text) for text in texts] if values is None else values)
    return [bool(one) for one in surely_rounded(Decimals(data, starts, lengths), numbers)]


@settings(max_examples=150)
@given(
    st.lists(_LONG_DECIMAL, min_size=1, max_size=5),
    st.sampled_from(["", "1", "0.123456789012345678"]),
    st.sampled_from(["", "7", ".", "-"]),
)
def test_what_is_surely_the_double_rounded_is_carried_by_it(
    texts: list[str], before: str, between: str
) -> None:
    sure = _are_sure(texts, before=before, between=between)
    assert sure == _are_sure(texts)
    for one, is_sure in zip(texts, sure, strict=True):
        assert cell_text.carries(one) or not is_sure


def test_what_a_double_writes_is_seen_at_once() -> None:
    texts = ["2.3065266702695504", "-0.12928183297981596", "123456.78901234567", "-9.5000000000000"]
    assert all(_are_sure(texts))
    assert _are_sure(["0.12345678901234567"], [0.1234567]) == [False]


def test_of_integers_and_of_too_many_digits_nothing_is_sure() -> None:
    texts = ["1234567890123456789", "1." + "0" * 23, "9" * 19 + ".5", "0.1234567890123456789", ".5"]
    assert _are_sure(texts) == [False, False, False, False, True]


@pytest.mark.parametrize("value", [2.3065266702695504, -12.345678901234567, 123456.78901234567])
def test_another_digit_at_the_end_is_not_sure(value: float) -> None:
    text = f"{value:.{17 - len(str(int(abs(value))).lstrip('0'))}f}"
    near = [text[:-1] + digit for digit in "0123456789" if digit != text[-1]]
    assert _are_sure([text]) == [True]
    assert _are_sure(near, [value] * 9) == [False] * 9


@settings(max_examples=150)
@given(st.lists(st.floats(-1e16, 1e16).map(repr), min_size=1, max_size=5))
def test_the_shortest_form_of_a_double_is_its_rounding(texts: list[str]) -> None:
    plain = [text for text in texts if "." in text and "e" not in text]
    assert all(_are_sure(plain))


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("0.1", True), ("1.000000000000000056e-01", True), ("0.12345678901234567890", False),
        ("5e-324", True), ("1e-400", False), ("0e-400", True), ("123456789012345678.25", False),
        ("1e400", True), ("9007199254740993.0", False), ("0.30000000000000004", True),
    ],
)  # fmt: skip
def test_a_double_carries_what_it_gives_back(text: str, carried: bool) -> None:
    assert cell_text.carries(text) is carried

"""Parquet files bring their own types; damaged and oversized ones are refused."""

from __future__ import annotations

import decimal
import io
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import DomainError
from datasets import errors
from datasets.formats.source import Source

Opened = Callable[..., Source]


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def read(source: Source) -> dict[str, list[object]]:
    found: dict[str, list[object]] = pa.Table.from_batches(list(source.batches())).to_pydict()
    return found


def test_the_usual_types_arrive_exactly(opened: Opened) -> None:
    content = parquet(
        small=pa.array([1, None], pa.int8()),
        large=pa.array([2**63 - 1, -(2**63)], pa.int64()),
        single=pa.array([0.1, np.nan], pa.float32()),
        flag=pa.array([True, None]),
        text=pa.array(["ä", None], pa.large_string()),
        kind=pa.array(["x", "y"]).dictionary_encode(),
        day=pa.array([date(2020, 2, 29), None]),
        naive=pa.array([datetime(2020, 1, 1, 12), None], pa.timestamp("ns")),  # noqa: DTZ001
        zoned=pa.array([datetime(2020, 1, 1, tzinfo=UTC), None], pa.timestamp("ms", "Asia/Tokyo")),
        price=pa.array([decimal.Decimal("1.25"), None]),
        nothing=pa.nulls(2),
    )
    source = opened(content, "data.parquet")
    values = read(source)
    assert [c.type.value for c in source.schema] == [
        "integer", "integer", "number", "boolean", "string", "string",
        "timestamp", "timestamp", "timestamp", "number", "string",
    ]  # fmt: skip
    assert values["large"] == [2**63 - 1, -(2**63)]
    assert values["single"] == [float(np.float32(0.1)), None]
    assert values["kind"] == ["x", "y"]
    assert values["day"] == [datetime(2020, 2, 29, tzinfo=UTC), None]
    assert values["naive"] == [datetime(2020, 1, 1, 12, tzinfo=UTC), None]
    assert values["zoned"] == [datetime(2020, 1, 1, tzinfo=UTC), None]
    assert {note.column for note in source.notes} == {"naive", "price"}


@pytest.mark.parametrize(
    ("column", "refusal"),
    [
        (pa.array([[1], [2]]), errors.UnsupportedColumnType),
        (pa.array([{"a": 1}]), errors.UnsupportedColumnType),
        (pa.array([b"x"]), errors.UnsupportedColumnType),
        (pa.array([1], pa.duration("s")), errors.UnsupportedColumnType),
        (pa.array([np.inf]), errors.NotFinite),
        (pa.array([2**64 - 1], pa.uint64()), errors.ValueOutOfRange),
        (pa.array([200_000 * 365 * 86_400], pa.timestamp("s")), errors.ValueOutOfRange),
        (pa.array([], pa.int64()), errors.NoRows),
    ],
)
def test_what_a_dataset_cannot_hold_is_refused(
    opened: Opened, column: pa.Array, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        read(opened(parquet(x=column), "data.parquet"))


def test_an_extension_type_is_refused_by_name(opened: Opened) -> None:
    content = parquet(identity=pa.array([b"0" * 16], pa.uuid()))
    with pytest.raises(errors.UnsupportedColumnType, match="identity"):
        opened(content, "data.parquet")


def test_header_rules_hold_for_parquet_too(opened: Opened) -> None:
    with pytest.raises(errors.BadHeader):
        opened(parquet(a=pa.array([1]), A=pa.array([1])), "data.parquet")


def test_a_truncated_file_is_refused(opened: Opened) -> None:
    content = parquet(x=pa.array(range(1000)))
    for cut in (4, 11, len(content) // 2, len(content) - 1):
        with pytest.raises(errors.UnreadableFile):
            read(opened(content[:cut], "data.parquet"))


def test_flipped_bytes_never_escape_as_anything_but_a_refusal(opened: Opened) -> None:
    content = parquet(x=pa.array(range(200)), t=pa.array([str(i) for i in range(200)]))
    rng = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(4, len(content) - 4, size=3):
            damaged[at] ^= int(rng.integers(1, 256))
        try:
            read(opened(bytes(damaged), "data.parquet"))
        except DomainError:
            continue


def test_a_renamed_file_is_refused(opened: Opened) -> None:
    with pytest.raises(errors.FormatMismatch):
        opened(parquet(x=pa.array([1])), "data.csv")
    with pytest.raises(errors.FormatMismatch):
        opened(b"a,b\n1,2\n", "data.parquet")


def test_expanded_bytes_are_counted_not_believed(opened: Opened) -> None:
    content = parquet(x=pa.array(["y" * 10_000] * 20_000))
    assert len(content) < 100_000
    with pytest.raises(errors.ExpandsTooMuch):
        read(opened(content, "data.parquet", expanded_bytes=50 << 20))

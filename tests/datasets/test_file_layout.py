"""How columns are stored in the files of a dataset, and that others can read them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.lake.layout import Layout
from datasets.lake.parts import Parts

_ROWS = 30_000


def _table() -> pa.Table:
    rng = np.random.default_rng(1)
    cities = np.array(["Köln", "north", "south"])
    moments = np.datetime64("2020-01-01", "us") + np.arange(_ROWS) * np.timedelta64(7, "s")
    return pa.table(
        {
            "n": pa.array(np.arange(_ROWS)),
            "x": pa.array(rng.normal(size=_ROWS), mask=rng.random(_ROWS) < 0.1),
            "price": pa.array(np.round(rng.gamma(2.0, 2.0, _ROWS), 1)),
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "ok": pa.array(rng.random(_ROWS) < 0.5),
            "city": pa.array(cities[rng.integers(0, 3, _ROWS)], mask=rng.random(_ROWS) < 0.1),
            "key": pa.array([f"{key:016x}" for key in rng.integers(0, 2**63, _ROWS)]),
            "said": pa.array([f"item {n}, delivered to the door" for n in rng.permutation(_ROWS)]),
            "code": pa.array([f"order {n:08d}" for n in range(_ROWS)]),
            "constant": pa.array(["same"] * _ROWS),
            "nothing": pa.nulls(_ROWS, pa.string()),
        }
    )


def _written(folder: Path, table: pa.Table) -> tuple[Path, dict[str, object]]:
    with Parts(str(folder), table.schema, prefix="part-x") as parts:
        for batch in table.to_batches(max_chunksize=7_000):
            parts.write(batch)
    (part,) = parts.parts
    return folder / part.name, json.loads(part.statistics)


def test_each_column_is_stored_as_suits_it() -> None:
    layout = Layout.of_version(_table())
    assert layout.of_few == ["city", "constant", "nothing"]
    assert layout.encodings == {
        "n": "DELTA_BINARY_PACKED",
        "at": "DELTA_BINARY_PACKED",
        "key": "DELTA_LENGTH_BYTE_ARRAY",
    }
    assert {"price", "said", "code"} <= set(layout.compressed)
    assert {"x", "key"}.isdisjoint(layout.compressed)


def test_bounds_are_kept_where_they_rule_out_rows() -> None:
    layout = Layout.of_version(_table())
    assert {"n", "x", "price", "at", "ok", "code", "constant"} <= set(layout.bounded)
    assert {"city", "key", "said"}.isdisjoint(layout.bounded)


def test_other_engines_read_what_was_written(tmp_path: Path) -> None:
    table = _table()
    path, _ = _written(tmp_path, table)
    assert pq.read_table(path).equals(table)
    assert polars.read_parquet(path).to_dict(as_series=False) == table.to_pydict()
    names = [name for name in table.column_names if name != "at"]
    found = duckdb.execute(f"SELECT {', '.join(names)} FROM '{path}' ORDER BY n").fetchall()
    assert found == list(zip(*table.select(names).to_pydict().values(), strict=True))
    key = table["key"][17].as_py()
    for text, wanted in (("key", key), ("code", "order 00000017"), ("city", "Köln")):
        count = duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE {text} = '{wanted}'")
        assert count.fetchone() == (table[text].to_pylist().count(wanted),)
    rows = polars.scan_parquet(path).filter(polars.col("key") == key).collect()
    assert rows["n"].to_list() == [17]


def test_the_log_tells_of_the_first_column_alone(tmp_path: Path) -> None:
    _, said = _written(tmp_path, _table())
    assert said == {
        "numRecords": _ROWS,
        "minValues": {"n": 0},
        "maxValues": {"n": _ROWS - 1},
        "nullCount": {"n": 0},
    }


def test_a_file_of_one_row_without_values_is_written(tmp_path: Path) -> None:
    table = pa.table({"n": pa.nulls(1, pa.int64()), "t": pa.nulls(1, pa.string())})
    path, said = _written(tmp_path, table)
    assert pq.read_table(path).equals(table)
    assert (said["minValues"], said["nullCount"]) == ({}, {"n": 1})

"""Real files, as found in the wild, are ingested quickly and exactly."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets import lake
from datasets.models import DatasetVersion
from datasets.schema import Schema

pytestmark = [pytest.mark.shared, pytest.mark.django_db]

Ingested = Callable[..., DatasetVersion]


def cells_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_the_bank_file_is_ingested_exactly_and_within_seconds(
    ingested: Ingested, shared_path: Path
) -> None:
    path = shared_path / "data" / "bank_full.csv"
    began = time.monotonic()
    version = ingested(path.read_bytes(), "bank_full.csv")
    assert time.monotonic() - began < 10
    assert version.row_count == 45_212
    types = {c.name: c.type.value for c in Schema.from_dict(version.schema)}
    assert {name for name, t in types.items() if t == "integer"} == {
        "age", "balance", "day", "duration", "campaign", "pdays", "previous",
    }  # fmt: skip
    assert types["y"] == "string"
    rows = lake.read_table(version).to_pylist()
    assert [[str(v) for v in row.values()] for row in rows] == cells_of(path)


def test_the_bike_file_keeps_its_one_strange_cell(ingested: Ingested, shared_path: Path) -> None:
    path = shared_path / "data" / "bike_hour.csv"
    version = ingested(path.read_bytes(), "bike_hour.csv")
    types = {c.name: c.type.value for c in Schema.from_dict(version.schema)}
    assert (types["dteday"], types["temp"], types["cnt"]) == ("timestamp", "number", "integer")
    assert types["instant"] == "string"
    notes = {(n["column"], n["code"]) for n in version.profile["notes"]}
    assert {("instant", "almost_numeric"), ("dteday", "zone_assumed")} <= notes
    numbers = lake.read_table(version, ["temp"])["temp"].to_pylist()
    assert numbers == [float(row[10]) for row in cells_of(path)]

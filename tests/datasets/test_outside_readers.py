"""What other programs read in the lake is what the API gives, row by row and column by column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars
import pytest
from deltalake import DeltaTable
from rest_framework.test import APIClient

from datasets import lake
from datasets.models import DatasetVersion

pytestmark = pytest.mark.django_db

CELLS = "id,amount,city,is_new,at\n" + "".join(
    f"{n - 700},{n * 0.1!r},{'Köln' if n % 3 else ''},{'true' if n % 2 else 'false'},"
    f"2026-01-{n % 28 + 1:02d}T{n % 24:02d}:30:00.{n:06d}+02:00\n"
    for n in range(1_500)
)
MORE = "id,amount,city,is_new,at\n9007199254740993,1e-300,東京,,2026-02-01\n,,,,\n"


def by_api(client: APIClient, version: DatasetVersion) -> list[list[Any]]:
    """Return all rows that the API gives, page by page."""
    at = f"/api/v1/dataset-versions/{version.pk}/rows/"
    rows: list[list[Any]] = []
    while len(rows) < (version.row_count or 0):
        answer = client.get(f"{at}?offset={len(rows)}&limit=200")
        assert answer.status_code == 200, answer.content
        page = answer.json()["rows"]
        assert page
        rows += page
    return rows


def as_json(row: tuple[Any, ...]) -> list[Any]:
    return [
        cell.astimezone(UTC).isoformat() if isinstance(cell, datetime) else cell for cell in row
    ]


def test_polars_and_deltalake_read_what_the_api_gives(
    api: Callable[..., APIClient], ingested: Callable[..., DatasetVersion]
) -> None:
    first = ingested(CELLS.encode())
    appended = ingested(MORE.encode(), mode="append")
    client = api()
    for version, count in ((first, 1_500), (appended, 1_502)):
        path = lake.dataset_path(version.dataset)
        names = [column["name"] for column in version.schema["columns"]]
        wanted = by_api(client, version)
        assert len(wanted) == count
        frame = polars.read_delta(path, version=version.delta_version).sort("__row__")
        assert [as_json(row) for row in frame.select(names).rows()] == wanted
        table = DeltaTable(path, version=version.delta_version).to_pyarrow_table()
        rows = table.sort_by("__row__").select(names).to_pylist()
        assert [as_json(tuple(row.values())) for row in rows] == wanted

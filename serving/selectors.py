"""Reads of the serving room: the prediction log in the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from datasets import lake


def log_path(project_id: int) -> str:
    """Return the address of the Delta table that holds a project's predictions."""
    return lake.table_path("predictions", str(project_id))


def predictions(
    *,
    project_id: int,
    endpoint_id: int,
    start: datetime,
    end: datetime,
    model_version_id: int | None = None,
) -> pa.Table | None:
    """Return an endpoint's predictions with ``start <= at < end``; None when none was ever shipped."""
    where = (
        (pads.field("endpoint_id") == endpoint_id)
        & (pads.field("at") >= pa.scalar(start, pa.timestamp("us", "UTC")))
        & (pads.field("at") < pa.scalar(end, pa.timestamp("us", "UTC")))
    )
    if model_version_id is not None:
        where &= pads.field("model_version_id") == model_version_id
    return lake.read_window(log_path(project_id), where=where)


def hourly_predictions(
    *, project_ids: Sequence[int], start: datetime, end: datetime
) -> dict[datetime, int]:
    """Return how many predictions were answered in each hour (UTC) with ``start <= at < end``."""
    counts: Counter[datetime] = Counter()
    for project_id in project_ids:
        found = lake.read_window(
            log_path(project_id),
            columns=["at"],
            where=(pads.field("at") >= pa.scalar(start, pa.timestamp("us", "UTC")))
            & (pads.field("at") < pa.scalar(end, pa.timestamp("us", "UTC"))),
        )
        if found is None:
            continue
        for entry in pc.value_counts(pc.floor_temporal(found["at"], unit="hour")).to_pylist():
            counts[entry["values"]] += entry["counts"]
    return dict(counts)

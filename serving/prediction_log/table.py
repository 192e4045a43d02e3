"""The prediction log as rows for the lake: one for each instance, and one for each request that failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import chain, repeat
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.prediction_log.failures import FailedRequest
from serving.prediction_log.reading import Record

SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("request_id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("day", pa.string()),
        ("endpoint_id", pa.int64()),
        ("deployment_id", pa.int64()),
        ("model_version_id", pa.int64()),
        ("role", pa.string()),
        ("token_prefix", pa.string()),
        ("features", pa.string()),
        ("prediction", pa.string()),
        ("probabilities", pa.list_(pa.float64())),
        ("latency_us", pa.int64()),
        ("group", pa.string()),
        ("entity_key", pa.string()),
        ("answered_id", pa.string()),
        ("decision", pa.string()),
        ("threshold", pa.float64()),
    ]
)
FAILURE_SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("day", pa.string()),
        ("endpoint_id", pa.int64()),
        ("deployment_id", pa.int64()),
        ("model_version_id", pa.int64()),
        ("token_prefix", pa.string()),
        ("dialect", pa.string()),
        ("status", pa.int64()),
        ("code", pa.string()),
        ("latency_us", pa.int64()),
    ]
)
PARTITION_BY = ("day",)
#: Few enough that finding one row reads little, by the smallest and largest id and moment of each row group.
ROW_GROUP_ROWS = 16_384
_DAY_US = 86_400_000_000
_FIRST_DAY = date(1970, 1, 1)


def rows_of(records: Sequence[Record]) -> pa.Table:
    """Return the requests as rows; features, prediction and decision are JSON texts.

    Raises
    ------
    ArrowException, TypeError, ValueError, OverflowError
        A value is none of its column's.
    """
    counts = np.array([len(one.prediction_ids) for one in records], np.int64)
    of_requests = {
        "request_id": _strings([one.request_id for one in records]),
        "at": pa.array([one.at_us for one in records], SCHEMA.field("at").type),
        "day": _days([one.at_us for one in records]),
        "endpoint_id": pa.array([one.endpoint_id for one in records], pa.int64()),
        "deployment_id": pa.array([one.deployment_id for one in records], pa.int64()),
        "model_version_id": pa.array([one.model_version_id for one in records], pa.int64()),
        "role": _strings([one.role for one in records]),
        "token_prefix": _strings([one.token_prefix for one in records]),
        "latency_us": pa.array([one.latency_us for one in records], pa.int64()),
        "group": _strings([one.group or None for one in records]),
        "entity_key": _strings([one.entity_key or None for one in records]),
        "threshold": pa.array([one.threshold for one in records], pa.float64()),
    }
    if (counts != 1).any():
        places = pa.array(np.repeat(np.arange(len(records)), counts))
        of_requests = {name: column.take(places) for name, column in of_requests.items()}
    columns = of_requests | {
        "prediction_id": _strings(list(chain.from_iterable(one.prediction_ids for one in records))),
        "features": _texts(chain.from_iterable(one.texts for one in records)),
        "prediction": _texts(chain.from_iterable(one.predictions for one in records)),
        "probabilities": _lists(_of_rows([one.probabilities for one in records], counts)),
        "answered_id": _strings(_of_rows([one.answered_ids for one in records], counts)),
        "decision": _texts(_of_rows([one.decisions for one in records], counts)),
    }
    rows = int(counts.sum())
    return pa.Table.from_arrays(
        [_or_nulls(columns[field.name], rows, field.type) for field in SCHEMA], schema=SCHEMA
    )


def _or_nulls(column: pa.Array | None, rows: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(rows, kind) if column is None else column


def _of_rows(
    parts: Sequence[Sequence[Any] | None], counts: npt.NDArray[np.int64]
) -> list[Any] | None:
    """Return a value for each row, None for those of requests that have none; None when no request has any."""
    if not any(parts):
        return None
    return list(
        chain.from_iterable(
            repeat(None, count) if part is None else part
            for part, count in zip(parts, counts.tolist(), strict=True)
        )
    )


def _strings(values: Sequence[str | None] | None) -> pa.Array | None:
    return None if values is None else pa.array(values, pa.string())


def _texts(values: Iterable[msgspec.Raw | None] | None) -> pa.Array | None:
    if values is None:
        return None
    return pa.array([text if text is None else bytes(text) for text in values], pa.string())


def _lists(values: Sequence[Sequence[float | None] | None] | None) -> pa.Array | None:
    """Return lists of numbers; taken apart first, they are read in half the time."""
    if values is None:
        return None
    ends = np.cumsum([0] + [0 if one is None else len(one) for one in values], dtype=np.int32)
    flat = pa.array(list(chain.from_iterable([one for one in values if one])), pa.float64())
    absent = pa.array([one is None for one in values]) if None in values else None
    return pa.ListArray.from_arrays(pa.array(ends), flat, mask=absent)


def _days(moments_us: Sequence[int]) -> pa.Array:
    """Return the dates of moments (microseconds since 1970), in UTC, as texts."""
    numbers = np.array(moments_us, np.int64) // _DAY_US
    different, places = np.unique(numbers, return_inverse=True)
    texts = [(_FIRST_DAY + timedelta(days=number)).isoformat() for number in different.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(places))


def failure_rows(failures: Sequence[FailedRequest]) -> pa.Table:
    """Return the records as rows for the lake."""
    rows = [
        {
            "request_id": one.request_id,
            "at": one.at,
            "day": one.at.date().isoformat(),
            "endpoint_id": one.endpoint_id,
            "deployment_id": one.deployment_id,
            "model_version_id": one.model_version_id,
            "token_prefix": one.token_prefix,
            "dialect": one.dialect,
            "status": one.status,
            "code": one.code,
            "latency_us": one.latency_us,
        }
        for one in failures
    ]
    return pa.Table.from_pylist(rows, schema=FAILURE_SCHEMA)

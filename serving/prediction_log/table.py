"""The prediction log as rows for the lake: one for each instance, and one for each request that failed."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pyarrow as pa

from serving.prediction_log.failures import FailedRequest
from serving.prediction_log.records import LoggedRequest

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


def rows_of(requests: Sequence[LoggedRequest]) -> pa.Table:
    """Return the requests as rows; features, prediction and decision are JSON texts."""
    rows = [
        (
            prediction_id,
            request.request_id,
            request.at,
            request.at.date().isoformat(),
            request.endpoint_id,
            request.deployment_id,
            request.model_version_id,
            request.role,
            request.token_prefix,
            orjson.dumps(records[index]).decode(),
            orjson.dumps(request.predictions[index]).decode(),
            None if request.probabilities is None else list(request.probabilities[index]),
            request.latency_us,
            request.group or None,
            request.entity_key or None,
            None if request.answered_ids is None else request.answered_ids[index],
            None if request.decisions is None else orjson.dumps(request.decisions[index]).decode(),
            request.threshold,
        )
        for request in requests
        for records in [request.records]
        for index, prediction_id in enumerate(request.prediction_ids)
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


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

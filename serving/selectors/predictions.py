"""The prediction log, in the lake and on its way there."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from django.conf import settings

from core.clock import now
from core.ids import uuid7_time
from datasets import lake
from serving.prediction_log import Record, read_record, scan_frames, unshipped_files
from serving.prediction_log.reading import value_of

logger = logging.getLogger(__name__)

#: The clock may differ so much between making an id and writing the record.
_MARGIN = timedelta(minutes=1)
#: So much of what waits to be shipped is looked through for an id, the newest first.
_MOST_BYTES = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One logged prediction.

    Attributes
    ----------
    prediction
        The predicted class or value.
    probabilities
        One number for each class; None for a regressor.
    features
        The instance as it was received.
    decision, threshold
        What was decided, and where; None where no decision was asked for.
    """

    prediction_id: UUID
    request_id: str
    at: datetime
    endpoint_id: int
    deployment_id: int
    model_version_id: int
    role: str
    token_prefix: str
    features: Mapping[str, Any]
    prediction: Any
    probabilities: Sequence[float | None] | None
    group: str = ""
    entity_key: str = ""
    decision: Any = None
    threshold: float | None = None


def log_path(project_id: int) -> str:
    """Return the address of the Delta table that holds a project's predictions."""
    return lake.table_path("predictions", str(project_id))


def failures_path(project_id: int) -> str:
    """Return the address of the Delta table that holds a project's requests without a prediction."""
    return lake.table_path("failed-requests", str(project_id))


def predictions(
    *,
    project_id: int,
    endpoint_id: int,
    start: datetime,
    end: datetime,
    model_version_id: int | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table | None:
    """Return what an endpoint answered with ``start <= at < end``; None when nothing was ever shipped.

    Shadows answered nobody, and constants are no model's answers: both are left out.
    """
    where = (
        _between(start, end)
        & (pads.field("endpoint_id") == endpoint_id)
        & ~pads.field("role").isin(["shadow", "constant"])
    )
    if model_version_id is not None:
        where &= pads.field("model_version_id") == model_version_id
    return lake.read_window(
        log_path(project_id), columns=columns, partitions=_days(start, end), where=where
    )


def hourly_predictions(
    *, project_ids: Sequence[int], start: datetime, end: datetime
) -> dict[datetime, int]:
    """Return how many predictions were answered in each hour (UTC) with ``start <= at < end``."""
    counts: Counter[datetime] = Counter()
    for project_id in project_ids:
        found = lake.read_window(
            log_path(project_id),
            columns=["at"],
            partitions=_days(start, end),
            where=_between(start, end) & (pads.field("role") != "shadow"),
        )
        if found is None:
            continue
        for entry in pc.value_counts(pc.floor_temporal(found["at"], unit="hour")).to_pylist():
            counts[entry["values"]] += entry["counts"]
    return dict(counts)


def find_predictions(
    *, project_id: int, prediction_ids: Sequence[UUID]
) -> dict[UUID, PredictionRecord]:
    """Return the project's predictions that have these ids, also those that are not in the lake yet.

    An id carries its time, so only the log's days around it are read. Unknown ids are left out.
    """
    latest = (now() + _MARGIN).timestamp() * 1000
    wanted = {
        str(one): one for one in prediction_ids if one.version == 7 and one.int >> 80 < latest
    }
    if not wanted:
        return {}
    moments = [uuid7_time(one) for one in wanted.values()]
    # Segments first: what is shipped between the two looks is then found by the second.
    found = _find_in_segments(project_id, wanted, min(moments) - _MARGIN, max(moments) + _MARGIN)
    missing = dict(zip(wanted, moments, strict=True))
    for one in found:
        del missing[str(one)]
    if missing:
        found.update(_find_in_lake(project_id, missing))
    return found


def _find_in_segments(
    project_id: int, wanted: Mapping[str, UUID], start: datetime, end: datetime
) -> dict[UUID, PredictionRecord]:
    found: dict[UUID, PredictionRecord] = {}
    looked_through = 0
    root = Path(settings.PREDICTION_LOG_ROOT)
    for path in unshipped_files(root, start=start.timestamp(), end=end.timestamp()):
        if len(found) == len(wanted):
            break
        if looked_through > _MOST_BYTES:
            logger.warning("too much of the prediction log waits to be shipped to look through it")
            break
        data = _read(path)
        looked_through += len(data)
        for record in _records_in(data):
            if record.project_id != project_id:
                continue
            for index, text in enumerate(record.prediction_ids):
                if text in wanted:
                    found[wanted[text]] = _prediction_of(record, index)
    return found


def _read(path: Path) -> bytes:
    for name in (path, path.with_suffix(".closed")):
        with contextlib.suppress(FileNotFoundError):  # closed, or shipped, since it was listed
            return name.read_bytes()
    return b""


def _records_in(data: bytes) -> Iterator[Record]:
    for payload in scan_frames(data).payloads:
        with contextlib.suppress(ValueError):  # the shipper tells of it
            yield read_record(payload)


def _prediction_of(record: Record, index: int) -> PredictionRecord:
    return PredictionRecord(
        prediction_id=UUID(record.prediction_ids[index]),
        request_id=record.request_id,
        at=record.at,
        endpoint_id=record.endpoint_id,
        deployment_id=record.deployment_id,
        model_version_id=record.model_version_id,
        role=record.role,
        token_prefix=record.token_prefix,
        features=value_of(record.texts[index]),
        prediction=value_of(record.predictions[index]),
        probabilities=None if record.probabilities is None else record.probabilities[index],
        group=record.group or "",
        entity_key=record.entity_key or "",
        decision=None if record.decisions is None else value_of(record.decisions[index]),
        threshold=record.threshold,
    )


def _find_in_lake(project_id: int, wanted: Mapping[str, datetime]) -> dict[UUID, PredictionRecord]:
    start, end = min(wanted.values()) - _MARGIN, max(wanted.values()) + _MARGIN
    days = {_day(moment + margin) for moment in wanted.values() for margin in (-_MARGIN, _MARGIN)}
    rows = lake.read_window(
        log_path(project_id),
        partitions=[("day", "in", sorted(days))],
        where=_between(start, end)
        & (pads.field("prediction_id") >= min(wanted))
        & (pads.field("prediction_id") <= max(wanted))
        & pads.field("prediction_id").isin(list(wanted)),
    )
    if rows is None:
        return {}
    return {
        UUID(row["prediction_id"]): PredictionRecord(
            prediction_id=UUID(row["prediction_id"]),
            request_id=row["request_id"],
            at=row["at"],
            endpoint_id=row["endpoint_id"],
            deployment_id=row["deployment_id"],
            model_version_id=row["model_version_id"],
            role=row["role"],
            token_prefix=row["token_prefix"],
            features=orjson.loads(row["features"]),
            prediction=orjson.loads(row["prediction"]),
            probabilities=row["probabilities"],
            group=row.get("group") or "",
            entity_key=row.get("entity_key") or "",
            decision=orjson.loads(row.get("decision") or "null"),
            threshold=row.get("threshold"),
        )
        for row in rows.to_pylist()
    }


def _between(start: datetime, end: datetime) -> Any:
    moment = pa.timestamp("us", "UTC")
    return (pads.field("at") >= pa.scalar(start, moment)) & (
        pads.field("at") < pa.scalar(end, moment)
    )


def _days(start: datetime, end: datetime) -> list[tuple[str, str, Any]]:
    return [("day", ">=", _day(start)), ("day", "<=", _day(end))]


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()

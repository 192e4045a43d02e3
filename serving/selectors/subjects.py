"""The predictions of one person: those whose features name the subject's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from datasets import lake
from datasets.erasure import Subject
from serving.prediction_log import LoggedRequest, decode_request, scan_frames, unshipped_files
from serving.selectors.predictions import log_path

_COLUMNS = ("prediction_id", "day", "endpoint_id", "features")
_ALL_TIME = (0.0, 4e9)


@dataclass(frozen=True, slots=True)
class SubjectPredictions:
    """Where a subject's predictions are.

    Attributes
    ----------
    ids
        Their ids, in the lake and on their way there.
    days
        The days of the table (``2026-01-31``) that hold some, with how many.
    waiting
        How many are in segments that were not shipped yet.
    by_endpoint
        How many each endpoint answered, by its id.
    """

    ids: tuple[str, ...] = ()
    days: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    by_endpoint: dict[int, int] = field(default_factory=dict)


def subject_predictions(subject: Subject) -> SubjectPredictions:
    """Return a subject's predictions of a project."""
    ids: list[str] = []
    days: Counter[str] = Counter()
    endpoints: Counter[int] = Counter()
    waiting = 0
    for prediction_id, endpoint_id in _in_segments(subject):
        ids.append(prediction_id)
        endpoints[endpoint_id] += 1
        waiting += 1
    shipped = lake.read_window(log_path(subject.project_id), columns=_COLUMNS)
    if shipped is not None:
        theirs = shipped.filter(is_subjects(shipped, subject))
        ids.extend(theirs["prediction_id"].to_pylist())
        days.update(theirs["day"].to_pylist())
        endpoints.update(theirs["endpoint_id"].to_pylist())
    return SubjectPredictions(tuple(ids), dict(days), waiting, dict(endpoints))


def is_subjects(rows: pa.Table, subject: Subject) -> pa.Array:
    """Return for each row of the prediction log whether its features name the subject.

    Only rows in whose text the value occurs are taken apart.
    """
    texts = rows["features"]
    spelled = orjson.dumps(subject.value).decode()[1:-1]
    may_be = pc.fill_null(pc.match_substring(texts, spelled), False).to_pylist()
    numeric = _is_number(subject.value)
    return pa.array(
        [
            (maybe or numeric) and subject.is_in(orjson.loads(text))
            for maybe, text in zip(may_be, texts.to_pylist(), strict=True)
        ],
        pa.bool_(),
    )


def names_subject(request: LoggedRequest, subject: Subject) -> bool:
    """Whether a logged request is one of the subject's project and names the subject."""
    return request.project_id == subject.project_id and any(
        subject.is_in(instance) for instance in request.records
    )


def requests_in(path: Path) -> Iterator[LoggedRequest]:
    """Yield the readable requests of a segment, under the name that it has by now."""
    for name in (path, path.with_suffix(".closed")):
        try:
            data = name.read_bytes()
        except FileNotFoundError:  # closed, or shipped, since it was listed
            continue
        for payload in scan_frames(data).payloads:
            try:
                yield decode_request(payload)
            except ValueError:  # the shipper tells of it, and keeps the segment in the quarantine
                continue
        return


def segments_with(subject: Subject) -> list[Path]:
    """Return the segments that wait to be shipped and name the subject."""
    root = Path(settings.PREDICTION_LOG_ROOT)
    return [
        path
        for path in unshipped_files(root, start=_ALL_TIME[0], end=_ALL_TIME[1])
        if any(names_subject(request, subject) for request in requests_in(path))
    ]


def quarantined_with(subject: Subject) -> list[Path]:
    """Return the segments kept for being damaged in whose bytes the subject's key occurs."""
    folder = Path(settings.PREDICTION_LOG_ROOT) / "quarantine"
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and subject.in_bytes(path.read_bytes())
    ]


def _in_segments(subject: Subject) -> Iterator[tuple[str, int]]:
    root = Path(settings.PREDICTION_LOG_ROOT)
    for path in unshipped_files(root, start=_ALL_TIME[0], end=_ALL_TIME[1]):
        for request in requests_in(path):
            if request.project_id != subject.project_id:
                continue
            for prediction_id, instance in zip(
                request.prediction_ids, request.records, strict=True
            ):
                if subject.is_in(instance):
                    yield prediction_id, request.endpoint_id


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

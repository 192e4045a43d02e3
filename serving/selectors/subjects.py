"""The predictions of one person: those whose features name the subject's key, and those that a caller said are about it.

Callers say whom a request is about by its entity key (a header, or a column of the endpoint). Where an endpoint's
column is another one than the subject's, its entity keys name something else: a device 42 is no patient 42.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from datasets import lake
from datasets.erasure import Subject
from serving.models import Endpoint
from serving.prediction_log import (
    LogPolicy,
    Record,
    read_record,
    scan_frames,
    unshipped_files,
)
from serving.selectors.log_policies import hash_key
from serving.selectors.predictions import log_path

_COLUMNS = ("prediction_id", "day", "endpoint_id", "features", "entity_key")
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
    path = log_path(subject.project_id)
    table = lake.open_table(path)
    columns = [] if table is None else table.schema().to_arrow().names
    shipped = lake.read_window(path, columns=[name for name in _COLUMNS if name in columns])
    if shipped is not None:
        theirs = shipped.filter(is_subjects(shipped, subject))
        ids.extend(theirs["prediction_id"].to_pylist())
        days.update(theirs["day"].to_pylist())
        endpoints.update(theirs["endpoint_id"].to_pylist())
    return SubjectPredictions(tuple(ids), dict(days), waiting, dict(endpoints))


def is_subjects(rows: pa.Table, subject: Subject) -> pa.Array:
    """Return for each row of the prediction log whether it is about the subject.

    Only rows in whose text the value occurs are taken apart.
    """
    seen = _Recognition.of(subject)
    texts = rows["features"]
    may_be = pa.array([_is_number(subject.value)] * len(rows))
    for spelled in (orjson.dumps(subject.value).decode()[1:-1], *seen.hashes):
        may_be = pc.or_(may_be, pc.fill_null(pc.match_substring(texts, spelled), False))
    keys = rows["entity_key"].to_pylist() if "entity_key" in rows.column_names else None
    return pa.array(
        [
            seen.is_about(endpoint_id, entity_key or "") or (maybe and seen.is_in(text))
            for maybe, text, endpoint_id, entity_key in zip(
                may_be.to_pylist(),
                texts.to_pylist(),
                rows["endpoint_id"].to_pylist(),
                keys or [None] * len(rows),
                strict=True,
            )
        ],
        pa.bool_(),
    )


@dataclass(frozen=True, slots=True)
class _Recognition:
    """How a subject is recognised in what the log keeps.

    Attributes
    ----------
    hashes
        What stands for the key where an endpoint hashes the column.
    of_others
        Endpoints whose entity keys are values of another column.
    """

    subject: Subject
    hashes: frozenset[str]
    of_others: frozenset[int]

    @classmethod
    def of(cls, subject: Subject) -> _Recognition:
        others = (
            Endpoint.objects.filter(project_id=subject.project_id)
            .exclude(entity_column="")
            .exclude(entity_column__in=subject.names)
        )
        policy = LogPolicy(key=hash_key(subject.project_id))
        hashes = [policy.hashed(spelling) for spelling in _spellings(subject.value)]
        return cls(
            subject,
            frozenset(one for one in hashes if one),
            frozenset(others.values_list("pk", flat=True)),
        )

    def is_about(self, endpoint_id: int, entity_key: str) -> bool:
        return entity_key == self.subject.value and endpoint_id not in self.of_others

    def is_in(self, text: str) -> bool:
        """Whether an instance names the subject: also in one of several values that its text gives to a name."""
        features = orjson.loads(text)
        if self._names(features):
            return True
        # Each pair of the object has a colon; where there are more, a name may be there twice.
        if text.count(":") <= len(features):
            return False
        pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
        return any(self._names({name: value}) for name, value in pairs)

    def _names(self, features: Mapping[str, Any]) -> bool:
        return self.subject.is_in(features) or any(
            features[name] in self.hashes
            for name in self.subject.names
            if isinstance(features.get(name), str)
        )

    def ids_in(self, record: Record) -> Iterator[str]:
        """Yield the predictions of a logged request that are about the subject."""
        if record.project_id != self.subject.project_id:
            return
        is_whole = self.is_about(record.endpoint_id, record.entity_key or "")
        for prediction_id, text in zip(record.prediction_ids, record.texts, strict=True):
            if is_whole or self.is_in(bytes(text).decode()):
                yield prediction_id


def _spellings(value: str) -> list[str | int | float]:
    """Return the values of JSON that can be the key: the text, and the numbers that it spells."""
    found: list[str | int | float] = [value]
    for read in (int, float):
        with contextlib.suppress(ValueError):
            found.append(read(value))
    return found


def records_in(path: Path) -> Iterator[Record]:
    """Yield the readable requests of a segment, under the name that it has by now."""
    for name in (path, path.with_suffix(".closed")):
        try:
            data = name.read_bytes()
        except FileNotFoundError:  # closed, or shipped, since it was listed
            continue
        for payload in scan_frames(data).payloads:
            try:
                yield read_record(payload)
            except ValueError:  # the shipper tells of it, and keeps the segment in the quarantine
                continue
        return


def segments_with(subject: Subject) -> list[Path]:
    """Return the segments that wait to be shipped and hold predictions about the subject."""
    root, seen = Path(settings.PREDICTION_LOG_ROOT), _Recognition.of(subject)
    return [
        path
        for path in unshipped_files(root, start=_ALL_TIME[0], end=_ALL_TIME[1])
        if any(any(seen.ids_in(record)) for record in records_in(path))
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
    root, seen = Path(settings.PREDICTION_LOG_ROOT), _Recognition.of(subject)
    for path in unshipped_files(root, start=_ALL_TIME[0], end=_ALL_TIME[1]):
        for record in records_in(path):
            for prediction_id in seen.ids_in(record):
                yield prediction_id, record.endpoint_id


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

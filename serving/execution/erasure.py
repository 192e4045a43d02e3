"""The prediction log as a place in which a data subject may be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc
from django.conf import settings

from datasets import lake
from datasets.erasure import Advice, Finding, Subject, Tell
from datasets.errors import ErasureMustWait
from serving.execution.shipping import Shipper, alone
from serving.models import Endpoint
from serving.selectors.predictions import log_path
from serving.selectors.subjects import (
    is_subjects,
    quarantined_with,
    segments_with,
    subject_predictions,
)

#: A living writer closes a segment after a second; a shipper at work is done within a few.
_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.25


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return the subject's predictions, by endpoint, and damaged segments that name the subject."""
    tell("looking through the prediction log")
    theirs = subject_predictions(subject)
    names = dict(Endpoint.objects.filter(pk__in=theirs.by_endpoint).values_list("pk", "name"))
    found = [
        Finding(
            kind="prediction",
            label=f"predictions of {names.get(endpoint_id, f'endpoint {endpoint_id}')}",
            advice=Advice.ERASED,
            rows=count,
            target=("serving.endpoint", str(endpoint_id)),
        )
        for endpoint_id, count in sorted(theirs.by_endpoint.items())
    ]
    damaged = quarantined_with(subject)
    if damaged:
        found.append(
            Finding(
                kind="damaged_log",
                label=f"{len(damaged)} damaged segments of the prediction log",
                advice=Advice.REMOVED,
                detail="What could be read of them is in the lake; the key occurs in their bytes.",
            )
        )
    return found


def erase(subject: Subject, tell: Tell) -> None:
    """Ship what waits, then write the days anew that hold the subject, and purge the table.

    Raises
    ------
    ErasureMustWait
        A writer does not close its segment, or a shipper does not come to its end.
    """
    _ship_all(subject, tell)
    path = log_path(subject.project_id)
    with _no_shipping(tell):
        days = subject_predictions(subject).days
        for day in sorted(days):
            tell(f"erasing predictions of {day}")
            lake.rewrite_partition(
                path, "day", day, lambda rows: rows.filter(pc.invert(is_subjects(rows, subject)))
            )
        tell("removing former files of the prediction log")
        lake.purge(path)
    for segment in quarantined_with(subject):
        segment.unlink(missing_ok=True)


def _ship_all(subject: Subject, tell: Tell) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    root = Path(settings.PREDICTION_LOG_ROOT)
    while segments_with(subject):
        tell("waiting for predictions on their way")
        Shipper(root).ship()
        if not segments_with(subject):
            return
        if time.monotonic() > until:
            raise ErasureMustWait("Predictions are on their way and cannot be shipped just now.")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _no_shipping(tell: Tell) -> Iterator[None]:
    until = time.monotonic() + _WAIT_SECONDS
    root = Path(settings.PREDICTION_LOG_ROOT)
    while True:
        with alone(root) as is_alone:
            if is_alone:
                yield
                return
        if time.monotonic() > until:
            raise ErasureMustWait("The shipper of the prediction log does not come to its end.")
        tell("waiting for the shipper")
        time.sleep(_LOOK_SECONDS)

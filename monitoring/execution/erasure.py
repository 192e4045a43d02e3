"""Ground truth as a place in which a data subject may be: the labels of the subject's predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from datasets.erasure import Advice, Finding, Subject, Tell
from monitoring.models import GroundTruth
from serving.selectors.subjects import subject_predictions

_AT_ONCE = 500


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return how many labels belong to the subject's predictions."""
    tell("looking for ground truth")
    count = sum(
        GroundTruth.objects.filter(project_id=subject.project_id, prediction_id__in=part).count()
        for part in _parts(subject)
    )
    if not count:
        return []
    return [
        Finding(
            kind="ground_truth",
            label="labels of the subject's predictions",
            advice=Advice.ERASED,
            rows=count,
        )
    ]


def erase(subject: Subject, tell: Tell) -> None:
    """Delete the labels; called while the predictions that they belong to can still be found."""
    for part in _parts(subject):
        tell("erasing ground truth")
        GroundTruth.objects.filter(project_id=subject.project_id, prediction_id__in=part).delete()


def _parts(subject: Subject) -> Iterator[list[UUID]]:
    ids = [UUID(one) for one in subject_predictions(subject).ids]
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]

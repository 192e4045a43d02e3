"""Whose predictions are whose, however a client spelled its body."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import Project
from datasets.erasure import Subject
from serving.prediction_log import encode_request, read_record
from serving.prediction_log.table import rows_of
from serving.selectors.subjects import is_subjects
from tests.serving.samples import logged_request


@pytest.mark.parametrize(
    ("value", "instance", "is_theirs"),
    [
        ("Zoé", '{ "patient" : "Zoé" }', True),
        ("Zoé", '{"patient": "Zo\\u00e9", "age": 1}', True),
        ("Zoé", '{"patient":\n "\\u005aoé"}', True),
        ("7", '{"patient": 7.0}', True),
        ("7", '{"patient": 0.7e1}', True),
        ("Zoé", '{"age": "Zoé", "patient": "other"}', False),
        # A name that is there twice: the model saw the last value, and the text holds both.
        ("Zoé", '{"patient": "Zoé", "patient": "other"}', True),
        ("7", '{"patient": 7, "age": 1, "patient": 8}', True),
        ("7", '{"patient": 8, "age": 7, "age": 1, "patient": 8}', False),
        ("7", '{"patient": "a:b", "age": 7}', False),
    ],
)
def test_a_subject_is_recognised_however_its_key_is_spelled(
    value: str, instance: str, is_theirs: bool, project: Project
) -> None:
    body = f'{{"instances": [{{"patient": "x"}}, {instance}]}}'.encode()
    request = logged_request(2, project=project.pk)._replace(instances=None, body=body)
    rows = rows_of([read_record(encode_request(request))])
    subject = Subject(project.pk, ("patient",), value, uuid4())
    assert is_subjects(rows, subject).to_pylist() == [False, is_theirs]

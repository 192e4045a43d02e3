"""Requests of one row take a way of their own: what is answered and logged is what the usual way gives."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_registry.runtimes.choice import choose_runtime
from models_registry.signatures import columns_from_frame, infer_signature
from serving import answering
from serving.errors import TookTooLong
from serving.limits import Limits
from serving.prediction_log import LoggedRequest, LogPolicy, decode_request
from serving.protocols import NATIVE, Envelope
from serving.routing.routes import LoadedModel, Route
from tests.models_registry.fitting import TRAINED, Kind, frame_of, target_of
from tests.serving.test_predictions import route
from tests.serving.versions import ROW
from training.estimators import estimator_named, validated_params
from training.pipeline import build_pipeline

_NUMBERS = ["size", "weight"]
_KINDS: list[tuple[str, Kind]] = [
    ("logistic", "binary"),
    ("logistic", "multiclass"),
    ("ridge", "regression"),
    ("random_forest", "multiclass"),
    ("hist_gradient_boosting", "binary"),
    ("hist_gradient_boosting", "regression"),
]
PLAIN = {"size": 48.25, "weight": 7}


class Log:
    def __init__(self) -> None:
        self.records: list[LoggedRequest] = []

    def append(self, payload: bytes) -> None:
        self.records.append(decode_request(payload))


@cache
def numbers_only(estimator: str, kind: Kind) -> Route:
    """A route whose model takes two numbers, one of which may be null, and nothing else."""
    frame = frame_of()
    truth, classes = target_of(frame, kind)
    frame = frame[_NUMBERS]
    frame["weight"] = frame["weight"].fillna(9.0)
    task: Any = "regression" if kind == "regression" else "classification"
    signature = infer_signature(frame, task=task, classes=classes, output_name="answer")
    entry = estimator_named(estimator, task)
    params = validated_params(entry, {"n_estimators": 5} if estimator == "random_forest" else {})
    pipeline = build_pipeline(entry, task=task, params=params, seed=1, signature=signature)
    columns = columns_from_frame(signature, frame)
    known = truth if classes is None else np.array([classes.index(one) for one in truth])
    pipeline.fit(columns.to_frame().iloc[:TRAINED], known[:TRAINED])
    real = columns.take(slice(TRAINED, None))
    chosen = choose_runtime(pipeline, signature, real, np.random.default_rng(0))
    return replace(route(), model=LoadedModel(signature, chosen.runtime))


def both(at: Route, body: bytes) -> tuple[Any, Any]:
    """Return what the way of one row, and what the usual way, gives: the answer and the record without ids and times."""
    found: list[Any] = []
    envelope = Envelope(body, "application/json")
    one, usual = Log(), Log()
    short = answering.make_for_one(envelope, at, "mls_a", "r-1", one, _now())
    if short is None:
        return None, None
    long = answering.make(envelope, NATIVE, at, "mls_a", "r-1", usual, "", _now()).payload
    for payload, log in ((short, one), (long, usual)):
        records = [
            record._replace(at=usual.records[0].at, latency_us=0, prediction_ids=["id"])
            for record in log.records
        ]
        ids = [id_ for record in log.records for id_ in record.prediction_ids]
        assert json.loads(payload.body)["prediction_ids"] == ids
        text = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", payload.body)
        found.append((payload._replace(body=text), records))
    return found[0], found[1]


def _now() -> float:
    return time.perf_counter()


@pytest.mark.parametrize(("estimator", "kind"), _KINDS)
@pytest.mark.parametrize(
    "instance", [PLAIN, {"size": -1e12, "weight": 0.0}, {"weight": 1, "size": 3}]
)
def test_a_row_of_numbers(estimator: str, kind: Kind, instance: dict[str, Any]) -> None:
    short, long = both(
        numbers_only(estimator, kind), json.dumps({"instances": [instance]}, indent=1).encode()
    )
    assert short is not None
    assert short == long
    assert short[0].status == 200
    assert len(short[1]) == 1


def test_a_row_with_text() -> None:
    short, long = both(route(), json.dumps({"instances": [ROW]}).encode())
    assert short is not None
    assert short == long


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [PLAIN, PLAIN]},
        {"instances": []},
        {"instances": [PLAIN], "explain": True},
        {"instances": [PLAIN], "threshold": True},
        {"instances": [PLAIN], "more": 1},
        {"instances": [{**PLAIN, "size": None}]},
        {"instances": [{**PLAIN, "size": "48"}]},
        {"instances": [{**PLAIN, "size": True}]},
        {"instances": [{**PLAIN, "size": 1e300}]},
        {"instances": [{**PLAIN, "size": 2**60}]},
        {"instances": [{**PLAIN, "colour": "red"}]},
        {"instances": [{"size": 1}]},
        {"rows": [PLAIN]},
        [PLAIN],
        b'{"instances": [{"size": 1, "size": 2, "weight": 7}]}',
        b'{"instances": [{"size": NaN, "weight": 7}]}',
        b'{"instances": [{"size": 1, "weight": 7}]} ?',
        b'{"instances": [{"size": 1, "weight": 7}], "instances": []}',
        b'{"instances": [{"size": 1, "weight": 7}',
        b"",
        b"\xff",
    ],
)
def test_what_is_unusual_goes_the_usual_way(body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert both(numbers_only("logistic", "binary"), content) == (None, None)


def test_values_that_are_remarked_on_go_the_usual_way() -> None:
    unseen = {"instances": [{**ROW, "region": "moon"}]}
    assert both(route(), json.dumps(unseen).encode()) == (None, None)


def test_what_the_log_does_not_keep_as_it_came_goes_the_usual_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = json.dumps({"instances": [PLAIN]}).encode()
    plain = numbers_only("logistic", "binary")
    for at in (
        replace(plain, group="b"),
        replace(plain, log_policy=LogPolicy(redaction={"size": "drop"})),
    ):
        assert both(at, body) == (None, None)
    log = Log()
    unlogged = replace(plain, log_policy=LogPolicy(share=0.0))
    envelope = Envelope(body, "application/json")
    made = answering.make_for_one(envelope, unlogged, "mls_a", "r-1", log, _now())
    assert made is not None
    assert log.records == []
    assert answering.make_for_one(Envelope(body, "text/csv"), plain, "", "", log, _now()) is None
    monkeypatch.setattr(answering, "limits", lambda: Limits(len(body) - 1, 10, 1.0, False))
    assert answering.make_for_one(envelope, plain, "mls_a", "r-1", log, _now()) is None


def test_what_took_too_long_is_not_answered_and_not_logged() -> None:
    log = Log()
    envelope = Envelope(json.dumps({"instances": [PLAIN]}).encode(), "application/json")
    with pytest.raises(TookTooLong):
        answering.make_for_one(
            envelope, numbers_only("logistic", "binary"), "", "r-1", log, _now() - 3600
        )
    assert log.records == []


_VALUES = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(
    size=_VALUES,
    weight=_VALUES,
    names=st.permutations(_NUMBERS),
    kind=st.sampled_from(_KINDS),
    indent=st.sampled_from([None, 2]),
)
def test_whatever_is_answered_is_answered_alike(
    size: Any, weight: Any, names: list[str], kind: tuple[str, Kind], indent: int | None
) -> None:
    values = {"size": size, "weight": weight}
    body = json.dumps({"instances": [{name: values[name] for name in names}]}, indent=indent)
    short, long = both(numbers_only(*kind), body.encode())
    assert short == long

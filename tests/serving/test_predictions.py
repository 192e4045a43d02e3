"""From the bytes that came in to the bytes that go out, without a transport or a database."""

from __future__ import annotations

import json
import math
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from core.clock import now
from core.errors import DomainError, Unavailable
from core.ids import uuid7_time
from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import encode_instances
from serving import answering
from serving.prediction_log import LoggedRequest, decode_request
from serving.protocols import NATIVE, Codec, Envelope, Payload, exchange
from serving.protocols.native import MOST_WARNINGS
from serving.routing import Route
from tests.models_registry.fitting import Kind, fit
from tests.serving.versions import ROW, in_memory

TOKEN_PREFIX = "mls_abc"


class Log:
    """Keeps what was logged; or is full."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.is_full = is_full
        self.records: list[LoggedRequest] = []

    def append(self, payload: bytes) -> None:
        if self.is_full:
            raise Unavailable("The disk is full.", retry_after=5)
        self.records.append(decode_request(payload))


def route(estimator: str = "logistic", kind: Kind = "binary") -> Route:
    return Route(
        project_id=7,
        project_slug="demo",
        endpoint_id=3,
        endpoint_name="churn",
        is_live=True,
        is_open=False,
        deployment_id=4,
        role="champion",
        model_version_id=5,
        version_number=2,
        model=in_memory(estimator, kind),
        described={"id": 5, "model": "churn", "number": 2},
    )


def made(envelope: Envelope, at: Route, log: Log, codec: Codec = NATIVE) -> Payload:
    """Return the answer of the general way."""
    began = time.perf_counter()
    return answering.make(envelope, codec, at, TOKEN_PREFIX, "r-1", log, "", began).payload


def ask(body: object, *, at: Route | None = None, log: Log | None = None) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = made(Envelope(content, "application/json"), at or route(), log or Log())
    assert (answer.status, answer.content_type) == (200, "application/json")
    value: dict[str, Any] = json.loads(answer.body)
    return value


def refused(body: object, **options: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        ask(body, **options)
    return caught.value


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        ("logistic", "binary"),
        ("logistic", "multiclass"),
        ("random_forest", "binary"),
        ("hist_gradient_boosting", "multiclass"),
    ],
)
def test_a_classifier_answers_with_what_scikit_learn_says(estimator: str, kind: Kind) -> None:
    one = fit(estimator, kind)
    rows = one.held_out.take(slice(0, 20))
    body = encode_instances(rows)
    answer = ask(body, at=route(estimator, kind))
    expected = NativeRuntime(one.pipeline, one.signature).predict(rows)
    assert answer["predictions"] == expected.labels
    assert np.allclose(answer["probabilities"], expected.scores, atol=1e-5)
    assert answer["classes"] == list(one.signature.classes or ())


def test_a_regressor_answers_with_values_and_no_probabilities() -> None:
    one = fit("ridge", "regression")
    rows = one.held_out.take(slice(0, 20))
    answer = ask(encode_instances(rows), at=route("ridge", "regression"))
    expected = NativeRuntime(one.pipeline, one.signature).predict(rows)
    assert np.allclose(answer["predictions"], expected.labels, rtol=1e-5)
    assert "probabilities" not in answer
    assert "classes" not in answer


def test_the_answer_says_who_answered_and_gives_each_row_an_id_of_its_time() -> None:
    answer = ask({"instances": [ROW, ROW, ROW]})
    assert answer["model_version"] == {"id": 5, "model": "churn", "number": 2}
    assert answer["endpoint"] == "churn"
    ids = [UUID(text) for text in answer["prediction_ids"]]
    assert len(set(ids)) == 3
    assert all(abs(uuid7_time(one) - now()) < timedelta(seconds=5) for one in ids)
    assert list(answer) == [
        *("predictions", "probabilities", "classes", "model_version", "endpoint"),
        "prediction_ids",
    ]


def test_what_is_answered_is_what_is_logged() -> None:
    log = Log()
    answer = ask({"instances": [ROW, {**ROW, "age": 80}]}, log=log)
    (record,) = log.records
    assert record.prediction_ids == answer["prediction_ids"]
    assert record.predictions == answer["predictions"]
    assert record.probabilities == answer["probabilities"]
    assert record.instances == [ROW, {**ROW, "age": 80}]
    assert (record.project_id, record.endpoint_id, record.deployment_id) == (7, 3, 4)
    assert (record.model_version_id, record.role) == (5, "champion")
    assert (record.request_id, record.token_prefix) == ("r-1", "mls_abc")
    assert record.latency_us > 0


def test_nothing_is_answered_that_was_not_logged() -> None:
    error = refused({"instances": [ROW]}, log=Log(is_full=True))
    answer = exchange.refusal(error)
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "5")


def test_a_refused_request_is_not_logged() -> None:
    log = Log()
    refused({"instances": [{**ROW, "age": "old"}]}, log=log)
    assert log.records == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"instances": [{"age": NaN}]}', 400, None),
        (b'{"instances": [{"age": Infinity}]}', 400, None),
        (b"[" * 5000, 400, None),
        ([ROW], 400, "instances"),
        ({"rows": [ROW]}, 400, "instances"),
        ({"instances": 3}, 400, "instances"),
        ({"instances": ROW}, 400, "instances"),
        ({"instances": [ROW], "extra": 1}, 400, "extra"),
        ({"instances": [ROW, 3]}, 400, "instances[1]"),
        ({"instances": [[1, 2]]}, 400, "instances[0]"),
        (b'{"instances": [{"age": 1, "age": 2}]}', 400, "age"),
        ({"instances": []}, 422, "instances"),
        ({"instances": [{}]}, 422, "instances[0].size"),
        ({"instances": [ROW, {**ROW, "agee": 1}]}, 422, "instances[1].agee"),
        ({"instances": [{**ROW, "age": "44"}]}, 422, "instances[0].age"),
        ({"instances": [{**ROW, "age": 44.5}]}, 422, "instances[0].age"),
        ({"instances": [{**ROW, "age": True}]}, 422, "instances[0].age"),
        ({"instances": [{**ROW, "age": None}]}, 422, "instances[0].age"),
        ({"instances": [{**ROW, "age": [44]}]}, 422, "instances[0].age"),
        ({"instances": [{**ROW, "size": 1e39}]}, 422, "instances[0].size"),
        ({"instances": [{**ROW, "size": 10**400}]}, 400, None),
        ({"instances": [{**ROW, "is_member": 1}]}, 422, "instances[0].is_member"),
        ({"instances": [{**ROW, "region": 5}]}, 422, "instances[0].region"),
        ({"instances": [{**ROW, "region": {"a": 1}}]}, 422, "instances[0].region"),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(
    body: object, status: int, field: str | None
) -> None:
    error = refused(body)
    answer = exchange.refusal(error)
    problem = json.loads(answer.body)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert problem["detail"]
    if field is not None:
        assert field in [item["field"] for item in problem["errors"]], problem


def test_many_wrong_rows_are_listed_up_to_a_limit() -> None:
    error = refused({"instances": [{**ROW, "age": "old"}] * 500})
    assert 10 <= len(error.errors) <= 50


def test_limits_are_refused_as_too_large(settings: Settings) -> None:
    settings.PREDICT_MAX_ROWS = 2
    answer = exchange.refusal(refused({"instances": [ROW] * 3}))
    assert answer.status == 413
    settings.PREDICT_MAX_BODY_BYTES = 20
    answer = exchange.refusal(refused({"instances": [ROW]}))
    assert answer.status == 413


def test_a_category_that_training_did_not_see_is_a_warning() -> None:
    answer = ask({"instances": [ROW, {**ROW, "region": "moon"}]})
    assert answer["warnings"] == [
        {"field": "instances[1].region", "detail": "training did not see this category"}
    ]
    assert len(answer["predictions"]) == 2


def test_warnings_are_listed_up_to_a_limit() -> None:
    answer = ask({"instances": [{**ROW, "region": "moon"}] * 150})
    assert len(answer["warnings"]) == MOST_WARNINGS + 1
    assert answer["warnings"][-1]["detail"].startswith("50 more")


def test_a_failure_tells_nothing_of_its_cause() -> None:
    answer = exchange.failure()
    assert answer.status == 500
    assert json.loads(answer.body)["code"] == "internal_error"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ROW)), _JSON)
def test_whatever_stands_in_a_field_is_answered_or_refused_by_name(name: str, value: Any) -> None:
    log = Log()
    try:
        probabilities = ask({"instances": [{**ROW, name: value}]}, log=log)["probabilities"]
    except DomainError as error:
        outcome = exchange.refusal(error).status
        assert log.records == []
    else:
        outcome = 200
        assert math.isclose(sum(probabilities[0]), 1.0, rel_tol=1e-6)
        assert len(log.records) == 1
    assert outcome in (200, 400, 422)


@given(st.binary(max_size=60))
def test_whatever_bytes_come_are_refused_politely(body: bytes) -> None:
    assert exchange.refusal(refused(body)).status in (400, 422)

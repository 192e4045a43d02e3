"""Asking why, over the wire: our own dialect and KServe's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.errors import TooLarge
from models_registry import services as registry
from models_registry.explanations import Explanation
from serving import services
from serving.explained_prediction import _shown
from serving.models import Endpoint
from serving.protocols import NATIVE, Envelope, Explained
from serving.protocols.exchange import read_rows
from serving.routing import forget_routing
from serving.routing.explaining import Explaining
from tests.models_registry.fitting import Kind, fit
from tests.serving.versions import ROW, register
from tests.serving.wire import URL, answered, secret_of

Api = Callable[..., APIClient]
pytestmark = pytest.mark.django_db
OTHER = {**ROW, "region": "moon", "size": None, "age": 21}
WHY = {"instances": [ROW, OTHER], "explain": True}
EXPLAIN = "/v1/models/churn:explain"


def served(principal: Principal, estimator: str = "logistic", kind: Kind = "binary") -> Endpoint:
    """Return an endpoint whose champion has reference rows."""
    version = register(principal, estimator, kind, with_reference=True)
    registry.promote(principal=principal, version=version, reason="it says why")
    return services.create_endpoint(principal=principal, name="churn", model=version.model)


def without_ids(body: bytes) -> bytes:
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", body)


@pytest.mark.parametrize(
    ("estimator", "kind", "method", "quantity"),
    [
        ("logistic", "binary", "linear", "margin"),
        ("random_forest", "multiclass", "trees", "probability"),
        ("hist_gradient_boosting", "regression", "trees", "value"),
    ],
)
def test_an_explained_answer_says_what_each_input_contributed(
    principal: Principal, api: Api, estimator: str, kind: Kind, method: str, quantity: str
) -> None:
    served(principal, estimator, kind)
    said = answered(secret_of(api(Role.VIEWER)), WHY).json()
    facts = said["explained_by"]
    assert (facts["method"], facts["quantity"], facts["exact"]) == (method, quantity, True)
    assert facts["reference_rows"] == 50
    assert len(said["explanations"]) == 2
    for row, why in enumerate(said["explanations"]):
        assert list(why["contributions"]) == list(fit(estimator, kind).signature.names)
        added = why["baseline"] + sum(why["contributions"].values())
        assert why["output"] == pytest.approx(added)
        if kind == "regression":
            assert "class" not in why
            assert why["output"] == pytest.approx(said["predictions"][row], rel=1e-5)
        else:
            share = said["probabilities"][row][said["classes"].index(why["class"])]
            output = why["output"]
            shown = 1 / (1 + math.exp(-output)) if quantity == "margin" else output
            assert shown == pytest.approx(share, abs=1e-5)
        if kind == "binary":
            assert why["class"] == "yes"
        if kind == "multiclass":
            assert why["class"] == said["predictions"][row]


def test_nothing_is_explained_unless_it_is_asked_for(principal: Principal, api: Api) -> None:
    served(principal)
    secret = secret_of(api())
    plain = answered(secret, {"instances": [ROW]}).json()
    refused = answered(secret, {"instances": [ROW], "explain": False}).json()
    assert "explanations" not in plain
    assert plain.keys() == refused.keys()
    assert answered(secret, WHY).json()["predictions"][0] == plain["predictions"][0]


@pytest.mark.parametrize(
    ("url", "body"),
    [(URL, WHY), (EXPLAIN, {"instances": [ROW]}), (EXPLAIN, {"instances": [{"age": 3}]})],
)
def test_both_lanes_explain_with_the_same_bytes(
    principal: Principal, api: Api, client: Client, url: str, body: dict[str, Any]
) -> None:
    served(principal)
    secret = secret_of(api())
    fast = answered(secret, body, url, HTTP_X_REQUEST_ID="r-1")
    slow = client.post(
        url,
        json.dumps(body),
        "application/json",
        headers={"Authorization": f"Bearer {secret}", "X-Request-ID": "r-1"},
    )
    assert fast.status == slow.status_code
    assert without_ids(fast.body) == without_ids(slow.content)


def test_kserves_verb_gives_the_explanations_of_our_own_dialect(
    principal: Principal, api: Api
) -> None:
    served(principal)
    secret = secret_of(api())
    own = answered(secret, {"instances": [ROW], "explain": True}).json()
    by_row = answered(secret, {"instances": [list(ROW.values())]}, EXPLAIN).json()
    by_column = {"inputs": {name: [value] for name, value in ROW.items()}}
    pinned = answered(secret, by_column, "/v1/models/churn/versions/1:explain").json()
    for said in (by_row, pinned):
        assert said["predictions"] == own["predictions"]
        assert said["explanations"] == own["explanations"]
        assert said["explained_by"] == own["explained_by"]
    shares = {"instances": [ROW], "signature_name": "predict_proba"}
    assert len(answered(secret, shares, EXPLAIN).json()["predictions"][0]) == 2


@pytest.mark.parametrize("value", [1, "true", None, [], {"on": True}])
def test_explain_is_true_or_false(principal: Principal, api: Api, value: Any) -> None:
    served(principal)
    refused = answered(secret_of(api()), {"instances": [ROW], "explain": value})
    assert refused.status == 400
    assert refused.json()["errors"][0]["field"] == "explain"


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [], "explain": true, "why": 1}',
        b'{"explain": true, "explain": true, "instances": [{}]}',
        b'{"explain": true}',
    ],
)
def test_a_body_with_explain_is_read_as_strictly_as_others(
    principal: Principal, api: Api, body: bytes
) -> None:
    served(principal)
    refused = answered(secret_of(api()), body)
    assert refused.status == 400, refused.body


def test_only_a_few_rows_are_explained_at_once(
    principal: Principal, api: Api, settings: Settings
) -> None:
    served(principal)
    secret = secret_of(api())
    settings.EXPLAIN_MAX_ROWS = 1
    refused = answered(secret, WHY)
    assert refused.status == 413
    assert refused.json()["errors"][0]["field"] == "instances"
    assert "at most 1 at once" in refused.json()["detail"]
    assert answered(secret, {**WHY, "explain": False}).status == 200
    assert answered(secret, {**WHY, "instances": [ROW]}).status == 200


class Costly:
    """An explainer for whose rows a model answers often."""

    evaluations_per_row = 40


def test_the_more_a_row_costs_the_fewer_are_explained(settings: Settings) -> None:
    settings.EXPLAIN_MAX_EVALUATIONS = 100
    explaining = Explaining(Costly)  # type: ignore[arg-type]
    assert isinstance(explaining.ready_for(2), Costly)
    with pytest.raises(TooLarge, match="at most 2 at once"):
        explaining.ready_for(3)
    settings.EXPLAIN_MAX_EVALUATIONS = 1
    assert isinstance(explaining.ready_for(1), Costly), "one row is always explained"


def test_what_has_no_reference_rows_or_is_a_constant_explains_nothing(
    principal: Principal, api: Api, churn: Endpoint
) -> None:
    secret = secret_of(api())
    refused = answered(secret, WHY)
    assert (refused.status, refused.json()["code"]) == (409, "not_explainable")
    assert "no reference row" in refused.json()["detail"]
    assert answered(secret, {"instances": [ROW]}, EXPLAIN).status == 409
    services.fall_back(principal=principal, endpoint=churn, fallback="constant", value="yes")
    refused = answered(secret, WHY)
    assert refused.status == 422
    assert refused.json()["errors"][0]["field"] == "explain"
    assert answered(secret, {"instances": [ROW]}).status == 200


def test_a_server_without_explanations_says_so() -> None:
    envelope = Envelope(json.dumps(WHY).encode(), "application/json")
    signature = fit("logistic", "binary").signature
    with pytest.raises(Exception, match="not explained here"):
        read_rows(envelope, NATIVE, signature, most_bytes=10_000, most_rows=10)
    decoded = read_rows(envelope, NATIVE, signature, most_bytes=10_000, most_rows=10, explains=True)
    assert decoded.wants_explanations


def test_a_logged_prediction_is_explained_in_the_admin(
    principal: Principal, api: Api, admin_client: Client
) -> None:
    endpoint = served(principal)
    (identity,) = answered(secret_of(api()), {"instances": [ROW]}).json()["prediction_ids"]
    page = reverse("admin:serving_endpoint_prediction", args=[endpoint.project_id, identity])
    assert "?explain=1" in admin_client.get(page).content.decode()
    shown = admin_client.get(page, {"explain": 1})
    explanation = shown.context["explanation"]
    assert {bar.name for bar in explanation.bars} == set(ROW)
    assert max(bar.width for bar in explanation.bars) == 50
    assert all(0 <= bar.start <= bar.start + bar.width <= 100 for bar in explanation.bars)
    assert explanation.how == "exact, against 50 reference rows"
    assert "What each input contributed" in shown.content.decode()


def test_a_logged_row_with_redacted_columns_is_not_explained(
    principal: Principal, api: Api, admin_client: Client
) -> None:
    endpoint = served(principal)
    services.change_log_policy(
        principal=principal, endpoint=endpoint, log_redaction={"age": "drop"}
    )
    forget_routing()
    (identity,) = answered(secret_of(api()), {"instances": [ROW]}).json()["prediction_ids"]
    page = reverse("admin:serving_endpoint_prediction", args=[endpoint.project_id, identity])
    shown = admin_client.get(page, {"explain": 1})
    assert (shown.status_code, shown.context["explanation"]) == (200, None)
    assert shown.context["no_explanation"]


def test_of_many_inputs_the_largest_get_bars_and_the_others_share_one() -> None:
    given = {f"x{place}": float(place) for place in range(30)}
    why = Explanation(
        label=None, baseline=1.0, output=1.0 + sum(given.values()), contributions=given
    )
    facts = {"quantity": "value", "exact": False, "reference_rows": 3}
    shown = _shown(Explained([why], facts))
    assert [bar.name for bar in shown.bars[:2]] == ["x29", "x28"]
    assert shown.bars[-1].name == "10 others"
    assert shown.bars[-1].value == f"{sum(range(10)):+.4g}"
    assert shown.spoken_of == ""

"""Clients of the foreign dialects, unmodified, against the whole application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.principals import Principal
from models_registry.services import promote
from serving import services
from serving.models import Endpoint
from tests.serving.versions import ROW, register
from tests.serving.wire import URL, secret_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.clients]
ROWS = [ROW, {**ROW, "size": 12.25, "age": 71, "region": "south"}]
Ask = Callable[..., Any]


@pytest.fixture
def expected(api: Callable[..., APIClient], churn: Endpoint) -> dict[str, Any]:
    """What the native dialect answers to the same rows."""
    answer: dict[str, Any] = api().post(URL, {"instances": ROWS}).json()
    return answer


@pytest.fixture
def token(api: Callable[..., APIClient]) -> str:
    return secret_of(api())


def test_tritons_client_asks_with_raw_and_json_tensors(
    server: str, ask_client: Ask, token: str, expected: dict[str, Any]
) -> None:
    said = ask_client("triton", server=server, base="", token=token, model="churn", rows=ROWS)
    assert (said["live"], said["ready"], said["model_ready"]) == (True, True, True)
    assert "binary_tensor_data" in said["extensions"]
    assert said["platform"] == "scikit-learn"
    assert said["index"] == [{"name": "churn", "version": "1", "state": "READY", "reason": ""}]
    for answer in said["answers"]:
        assert answer["labels"] == expected["predictions"]
        assert answer["shares"] == expected["probabilities"]
        assert answer["ids"] == len(ROWS)
    assert said["count"] >= 2 * len(ROWS)


def test_kserves_client_speaks_both_protocols_without_a_token_to_an_open_endpoint(
    server: str,
    ask_client: Ask,
    principal: Principal,
    churn: Endpoint,
    expected: dict[str, Any],
) -> None:
    services.change_endpoint(principal=principal, endpoint=churn, is_open=True)
    base = f"/serve/{churn.project.slug}"
    said = ask_client("kserve", server=server, base=base, token=None, model="churn", rows=ROWS)
    assert said["v1"] == expected["predictions"]
    assert said["v2"] == expected["predictions"]
    assert said["live"] == [True, True]
    assert said["ready"] == [True, True, True]


@pytest.mark.parametrize("is_open", [True, False])
def test_kserves_client_asks_why_and_gets_contributions_that_add_up(
    server: str,
    ask_client: Ask,
    principal: Principal,
    api: Callable[..., APIClient],
    token: str,
    is_open: bool,
) -> None:
    version = register(principal, with_reference=True)
    promote(principal=principal, version=version, reason="it says why")
    endpoint = services.create_endpoint(principal=principal, name="churn", model=version.model)
    services.change_endpoint(principal=principal, endpoint=endpoint, is_open=is_open)
    said = ask_client(
        "kserve explains",
        server=server,
        base=f"/serve/{endpoint.project.slug}" if is_open else "",
        token=None if is_open else token,
        model="churn",
        rows=ROWS,
    )
    native = api().post(URL, {"instances": ROWS, "explain": True}, format="json").json()
    assert said["predictions"] == native["predictions"]
    assert said["explanations"] == native["explanations"]
    assert said["explained_by"] == native["explained_by"]
    assert len(said["explanations"]) == len(ROWS)
    for one in said["explanations"]:
        assert set(one["contributions"]) == set(ROW)
        total = one["baseline"] + sum(one["contributions"].values())
        assert total == pytest.approx(one["output"])


def test_mlflows_scoring_client_asks_the_endpoint_that_the_site_names(
    server: str,
    ask_client: Ask,
    principal: Principal,
    churn: Endpoint,
    expected: dict[str, Any],
    settings: Settings,
) -> None:
    services.change_endpoint(principal=principal, endpoint=churn, is_open=True)
    settings.ROOT_ENDPOINT = f"{churn.project.slug}/{churn.name}"
    said = ask_client("mlflow", server=server, base="", token=None, model="churn", rows=ROWS)
    assert said["version"] == "3.17.2"
    assert said["labels"] == expected["predictions"]
    assert said["shares"] == expected["probabilities"]

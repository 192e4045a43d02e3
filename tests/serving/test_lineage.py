"""From an answer back to the data that its model was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from accounts.models import Project, Role
from core.errors import NotFound
from core.ids import uuid7
from models_registry.models import ModelVersion
from serving.execution.shipping import Shipper
from serving.lineage import prediction_lineage
from serving.models import Endpoint
from serving.prediction_log import LoggedRequest, SegmentWriter, encode_request
from serving.selectors.deployments import champion_deployment
from tests.serving.conftest import FEATURES, Train
from tests.serving.samples import logged_request


@pytest.fixture
def logged(endpoint: Endpoint, root: Path) -> LoggedRequest:
    """An answer of the endpoint, as the web process logs it; it is not shipped yet."""
    deployment = champion_deployment(endpoint)
    assert deployment is not None
    request = logged_request(2)._replace(
        project_id=endpoint.project_id,
        endpoint_id=endpoint.pk,
        deployment_id=deployment.pk,
        model_version_id=deployment.model_version_id,
    )
    writer = SegmentWriter(root)
    writer.append(encode_request(request))
    writer.close()
    return request


def test_a_prediction_leads_back_to_everything_that_it_stands_on(
    logged: LoggedRequest,
    root: Path,
    endpoint: Endpoint,
    champion: ModelVersion,
    other_project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    prediction_id = UUID(logged.prediction_ids[1])

    def lineage() -> dict[str, Any]:
        with django_assert_max_num_queries(5):
            return prediction_lineage(project_id=endpoint.project_id, prediction_id=prediction_id)

    found = lineage()
    assert found["prediction"] == {
        "id": str(prediction_id),
        "at": logged.at,
        "request_id": "r",
        "token": "mls_x",
        "role": "champion",
        "features": {"age": 1, "job": "été"},
        "prediction": "yes",
        "probabilities": [0.25, 0.75],
    }
    assert found["endpoint"] == {"id": endpoint.pk, "name": "tumour"}
    assert found["deployment"]["role"] == "champion"
    assert found["deployment"]["started_by"] == found["promotions"][0]["by"]
    assert found["deployment"]["ended_at"] is None
    assert found["model_version"]["id"] == champion.pk
    assert found["model_version"]["artifact_sha256"] == champion.artifact_digest
    assert found["dataset_version"]["sha256"]
    assert found["run"]["job"]
    assert found["gates"]
    assert all(gate["passed"] for gate in found["gates"])
    assert found["approvals"] == []
    assert JSONRenderer().render(found)

    Shipper(root).ship()
    assert lineage() == found, "the way into the lake changes nothing"
    for project_id, unknown in ((other_project.pk, prediction_id), (endpoint.project_id, uuid7())):
        with pytest.raises(NotFound):
            prediction_lineage(project_id=project_id, prediction_id=unknown)


def test_a_version_that_was_asked_for_by_its_number_leads_back_to_its_data(
    endpoint: Endpoint,
    champion: ModelVersion,
    train: Train,
    api: Callable[..., APIClient],
    client: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    other = train("random_forest")
    editor = api(Role.EDITOR)
    row = dict.fromkeys(FEATURES, 1.5)
    answer = editor.post(
        "/api/v1/endpoints/tumour/predict/",
        {"instances": [row]},
        format="json",
        headers={"X-Model-Version": str(other.number)},
    ).json()
    (prediction_id,) = answer["prediction_ids"]
    address = f"/api/v1/predictions/{prediction_id}/lineage/"
    with django_assert_max_num_queries(12):
        found = editor.get(address).json()
    assert found["deployment"] is None, "nothing had put it to work"
    assert found["prediction"]["role"] == "addressed"
    assert found["endpoint"] == {"id": endpoint.pk, "name": "tumour"}
    assert found["model_version"]["id"] == other.pk != champion.pk
    assert found["model_version"]["artifact_sha256"] == other.artifact_digest
    assert found["run"]["id"] == other.run_id
    data = other.dataset_version
    assert data is not None
    assert (found["dataset_version"]["id"], found["dataset_version"]["sha256"]) == (
        data.pk,
        data.sha256,
    )
    assert found["promotions"] == []
    stranger = api(Role.VIEWER, in_project=Project.objects.create(name="Elsewhere", slug="else"))
    assert stranger.get(address).status_code == 404


def test_the_page_of_such_a_prediction_names_endpoint_and_version(
    endpoint: Endpoint, train: Train, api: Callable[..., APIClient], admin_client: Client
) -> None:
    other = train("random_forest")
    answer = (
        api(Role.EDITOR)
        .post(
            "/api/v1/endpoints/tumour/predict/",
            {"instances": [dict.fromkeys(FEATURES, 1.5)]},
            format="json",
            headers={"X-Model-Version": str(other.number)},
        )
        .json()
    )
    (prediction_id,) = answer["prediction_ids"]
    page = reverse("admin:serving_endpoint_prediction", args=[endpoint.project_id, prediction_id])
    shown = admin_client.get(page, {"explain": 1})
    content = shown.content.decode()
    assert reverse("admin:models_registry_modelversion_change", args=[other.pk]) in content
    assert reverse("admin:serving_endpoint_change", args=[endpoint.pk]) in content
    assert dict(shown.context["shares"]).keys() == {"benign", "malignant"}
    assert {bar.name for bar in shown.context["explanation"].bars} == set(FEATURES)

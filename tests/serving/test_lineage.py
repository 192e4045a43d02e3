"""From an answer back to the data that its model was made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.renderers import JSONRenderer

from accounts.models import Project
from core.errors import NotFound
from core.ids import uuid7
from models_registry.models import ModelVersion
from serving.execution.shipping import Shipper
from serving.lineage import prediction_lineage
from serving.models import Endpoint
from serving.prediction_log import LoggedRequest, SegmentWriter, encode_request
from serving.selectors.deployments import champion_deployment
from tests.serving.samples import logged_request


@pytest.fixture
def root(lake_home: Path) -> Path:
    return lake_home / "prediction-log"


@pytest.fixture
def logged(endpoint: Endpoint, root: Path) -> LoggedRequest:
    """An answer of the endpoint, as the web process logs it; it is not shipped yet."""
    deployment = champion_deployment(endpoint)
    assert deployment is not None
    request = dataclasses.replace(
        logged_request(2),
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

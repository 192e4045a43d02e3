"""Who gave a logged answer."""

from __future__ import annotations

from dataclasses import dataclass

from models_registry.models import ModelVersion
from serving.models import Deployment, Endpoint


@dataclass(frozen=True, slots=True)
class Answerer:
    """The endpoint that was asked and the model version that answered.

    Attributes
    ----------
    deployment
        What put the version to work; None for a version that a caller asked for by its number or an alias
        while it was not at work at the endpoint.
    """

    endpoint: Endpoint
    version: ModelVersion
    deployment: Deployment | None


def answerer_of(
    *, project_id: int, endpoint_id: int, deployment_id: int, model_version_id: int
) -> Answerer | None:
    """Return who gave an answer, by the ids that the log keeps; None when they are not the project's.

    The version has its model, run and dataset version (with its owner) loaded.
    """
    versions = ModelVersion.objects.select_related(
        "model", "run", "dataset_version__dataset__project"
    )
    if deployment_id:
        deployment = (
            Deployment.objects.filter(pk=deployment_id, endpoint__project_id=project_id)
            .select_related("endpoint", "started_by")
            .first()
        )
        if deployment is None:
            return None
        version = versions.get(pk=deployment.model_version_id)
        return Answerer(deployment.endpoint, version, deployment)
    endpoint = Endpoint.objects.filter(pk=endpoint_id, project_id=project_id).first()
    asked_for = versions.filter(pk=model_version_id, model__project_id=project_id).first()
    if endpoint is None or asked_for is None:
        return None
    return Answerer(endpoint, asked_for, None)

"""Endpoints follow the alias ``champion`` of their model."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.principals import Principal, system_principal
from core.clock import now
from models_registry.models import AliasMove, ModelVersion
from models_registry.selectors import CHAMPION, champion_of
from serving.models import Deployment, Endpoint, RoutingGeneration
from serving.selectors.deployments import champion_deployment, endpoints_behind_their_champion


@transaction.atomic
def follow_champion(endpoint: Endpoint, *, principal: Principal | None = None) -> Deployment | None:
    """Let an endpoint serve its model's champion; return the deployment that answers from now on.

    Nothing happens when it does so already, or when the model has no champion.
    """
    locked = Endpoint.objects.select_for_update(of=("self",)).select_related("model", "project")
    endpoint = locked.get(pk=endpoint.pk)
    version = champion_of(endpoint.model)
    present = champion_deployment(endpoint)
    if version is None or (present is not None and present.model_version_id == version.pk):
        return present
    if present is not None:
        present.ended_at = now()
        present.save(update_fields=["ended_at"])
    endpoint.deployments.filter(
        role__in=[Deployment.Role.CANARY, Deployment.Role.SHADOW],
        model_version=version,
        ended_at__isnull=True,
    ).update(ended_at=now())
    deployment = open_deployment(endpoint, version)
    audit.record(
        principal=principal or system_principal(endpoint.project),
        action="deployment.started",
        target=deployment,
        summary=f"{endpoint.name}: {version}",
        changes={
            "model_version": [present.model_version_id if present else None, version.pk],
        },
    )
    return deployment


def follow_champions() -> int:
    """Let all endpoints follow that are behind; return how many did."""
    return sum(follow_champion(one) is not None for one in endpoints_behind_their_champion())


def open_deployment(endpoint: Endpoint, version: ModelVersion) -> Deployment:
    """Write the deployment of a champion, in the name of whoever made it champion."""
    move = AliasMove.objects.filter(model=endpoint.model, name=CHAMPION, to_version=version).first()
    deployment = Deployment.objects.create(
        endpoint=endpoint,
        model_version=version,
        role=Deployment.Role.CHAMPION,
        reason=(move.reason or "became champion") if move else "became champion",
        started_by_id=move.moved_by_id if move else None,
    )
    announce_change()
    return deployment


def announce_change() -> None:
    """Raise the generation, so that all web processes look again."""
    row, _ = RoutingGeneration.objects.select_for_update().get_or_create(pk=1)
    row.generation += 1
    row.save(update_fields=["generation"])

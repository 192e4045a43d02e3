"""Endpoints and what answers behind them."""

from __future__ import annotations

from django.db.models import F, OuterRef, Prefetch, QuerySet, Subquery

from models_registry.models import Alias
from models_registry.selectors import CHAMPION
from serving.models import Deployment, Endpoint, RoutingGeneration


def champion_deployment(endpoint: Endpoint) -> Deployment | None:
    """Return the deployment that answers at an endpoint."""
    return (
        endpoint.deployments.filter(role=Deployment.Role.CHAMPION, ended_at__isnull=True)
        .select_related("model_version__model", "endpoint")
        .first()
    )


def active_champions() -> list[Deployment]:
    """Return the deployments that answer, of all endpoints, with all that a route needs."""
    return list(
        Deployment.objects.filter(
            role=Deployment.Role.CHAMPION, ended_at__isnull=True
        ).select_related("endpoint", "model_version__model")
    )


def with_active_deployments(endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    """Load each endpoint's model and its deployments at work, as ``active``, in two queries."""
    active = Deployment.objects.filter(ended_at__isnull=True).select_related(
        "model_version__model", "started_by"
    )
    return endpoints.select_related("model", "project").prefetch_related(
        Prefetch("deployments", queryset=active, to_attr="active")
    )


def endpoints_behind_their_champion() -> QuerySet[Endpoint]:
    """Return the endpoints whose model has another champion than the version that they serve."""
    champion = Alias.objects.filter(model=OuterRef("endpoint__model"), name=CHAMPION)
    behind = (
        Deployment.objects.filter(role=Deployment.Role.CHAMPION, ended_at__isnull=True)
        .annotate(champion=Subquery(champion.values("version")[:1]))
        .filter(champion__isnull=False)
        .exclude(champion=F("model_version"))
    )
    return Endpoint.objects.filter(pk__in=behind.values("endpoint"))


def generation() -> int:
    """Return the number that rises with each change of endpoints and deployments."""
    found = RoutingGeneration.objects.values_list("generation", flat=True).first()
    return found or 0

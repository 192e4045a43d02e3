"""Endpoints and what answers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, F, OuterRef, Prefetch, QuerySet, Subquery, When

from models_registry.models import Alias, ModelVersion
from models_registry.selectors import CHAMPION
from models_registry.signatures import Signature
from serving.models import Deployment, Endpoint, RoutingGeneration


def champion_deployment(endpoint: Endpoint) -> Deployment | None:
    """Return the deployment that answers at an endpoint."""
    return (
        endpoint.deployments.filter(role=Deployment.Role.CHAMPION, ended_at__isnull=True)
        .select_related("model_version__model", "endpoint")
        .first()
    )


def active_deployments() -> list[Deployment]:
    """Return the deployments at work, of all endpoints and the oldest first, with all that a route needs."""
    return list(
        Deployment.objects.filter(ended_at__isnull=True)
        .select_related("endpoint__project", "model_version__model")
        .order_by("pk")
    )


def addressed_version(
    *, endpoint_id: int, number: int | None = None, alias: str | None = None
) -> ModelVersion | None:
    """Return the version of an endpoint's model that a number or an alias names."""
    versions = ModelVersion.objects.filter(model__endpoints=endpoint_id).select_related("model")
    if alias is not None:
        versions = versions.filter(aliases__name=alias)
    if number is not None:
        versions = versions.filter(number=number)
    return versions.first()


def own_threshold(endpoint_id: int) -> float | None:
    """Return the decision threshold that an endpoint has of its own."""
    return (
        Endpoint.objects.filter(pk=endpoint_id).values_list("decision_threshold", flat=True).first()
    )


def with_active_deployments(endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    """Load each endpoint's model and its deployments at work, as ``active``, in two queries.

    What stands in for the champion comes first, then the champion.
    """
    first = [Deployment.Role.CONSTANT, Deployment.Role.FALLBACK, Deployment.Role.CHAMPION]
    order = Case(*(When(role=role, then=place) for place, role in enumerate(first)), default=9)
    active = (
        Deployment.objects.filter(ended_at__isnull=True)
        .select_related("model_version__model", "started_by")
        .order_by(order, "pk")
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


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A model version at work behind an endpoint.

    Attributes
    ----------
    problem
        Why it cannot be loaded; empty when it can.
    """

    deployment_id: int
    number: int
    role: str
    signature: Signature
    runtime: str
    problem: str


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """An endpoint as clients of foreign dialects see it: a model with versions, the champion first."""

    id: int
    project_id: int
    name: str
    is_live: bool
    versions: Sequence[ServedVersion]


def served_endpoints(
    *, project_slug: str, only_open: bool = False, name: str | None = None
) -> list[ServedEndpoint]:
    """Return a project's endpoints with the versions at work, by name, in two queries."""
    endpoints = Endpoint.objects.filter(project__slug=project_slug).order_by("name")
    if only_open:
        endpoints = endpoints.filter(is_open=True)
    if name is not None:
        endpoints = endpoints.filter(name=name)
    order = {Deployment.Role.CHAMPION.value: 0}
    constant = Deployment.Role.CONSTANT.value
    return [
        ServedEndpoint(
            id=endpoint.pk,
            project_id=endpoint.project_id,
            name=endpoint.name,
            is_live=endpoint.is_live,
            versions=[
                ServedVersion(
                    deployment_id=one.pk,
                    number=one.model_version.number,
                    role=one.role,
                    signature=Signature.from_dict(one.model_version.signature),
                    runtime=one.model_version.runtime,
                    problem=one.problem,
                )
                for one in sorted(
                    (one for one in vars(endpoint)["active"] if one.role != constant),
                    key=lambda one: (order.get(one.role, 1), one.pk),
                )
            ],
        )
        for endpoint in with_active_deployments(endpoints)
    ]

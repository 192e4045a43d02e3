"""What is at work at each endpoint, made of its deployments and of the models that are in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from serving.models import Deployment, Endpoint
from serving.routing.routes import LoadedModel, Route, route_of
from serving.routing.traffic import Traffic, traffic_of

#: Project and name of an endpoint.
Key = tuple[int, str]


def key_of(deployment: Deployment) -> Key:
    """Return where a deployment is at work."""
    return (deployment.endpoint.project_id, deployment.endpoint.name)


def is_usual(deployment: Deployment) -> bool:
    """Whether it answers, or stands in for what answers, when nothing else is chosen."""
    return deployment.role not in (Deployment.Role.CANARY, Deployment.Role.SHADOW)


def table_of(
    deployments: Sequence[Deployment],
    model_of: Callable[[Deployment], LoadedModel | None],
    before: Mapping[Key, Traffic],
) -> tuple[dict[Key, Traffic], list[Deployment]]:
    """Return the traffic of each endpoint, and the deployments that wait for their models, the usual ones first.

    Parameters
    ----------
    deployments
        All that are active.
    model_of
        Returns what answers for a deployment; None when it is not in memory.
    before
        The traffic of each endpoint until now.
    """
    at_endpoints: dict[Key, list[Deployment]] = {}
    for deployment in deployments:
        at_endpoints.setdefault(key_of(deployment), []).append(deployment)
    table: dict[Key, Traffic] = {}
    waiting: list[Deployment] = []
    for key, of_endpoint in at_endpoints.items():
        loaded: list[tuple[Deployment, Route]] = []
        for deployment in of_endpoint:
            model = model_of(deployment)
            if model is None:
                waiting.append(deployment)
            else:
                loaded.append((deployment, route_of(deployment, model)))
        made = _traffic_at(of_endpoint[0].endpoint, loaded, before.get(key))
        if made is not None:
            table[key] = made
    return table, sorted(waiting, key=is_usual, reverse=True)


def _traffic_at(
    endpoint: Endpoint, loaded: Sequence[tuple[Deployment, Route]], before: Traffic | None
) -> Traffic | None:
    """Return an endpoint's traffic; None when nothing of it is in memory yet.

    What answered before goes on when what shall answer usually is not in memory.
    """
    by_role: dict[str, list[tuple[Deployment, Route]]] = {}
    for deployment, route in loaded:
        by_role.setdefault(deployment.role, []).append((deployment, route))
    usual = None
    is_emergency = endpoint.status == Endpoint.Status.FALLBACK
    roles = (Deployment.Role.CONSTANT, Deployment.Role.FALLBACK) if is_emergency else ()
    for role in roles or (Deployment.Role.CHAMPION,):
        for _, route in by_role.get(role, []):
            usual = route
    if usual is None:
        if before is None or before.usual.endpoint_id != endpoint.pk:
            return None
        usual = replace(before.usual, is_live=endpoint.is_live, is_open=endpoint.is_open)
    canaries = [] if is_emergency else by_role.get(Deployment.Role.CANARY, [])
    shadows = [] if is_emergency else by_role.get(Deployment.Role.SHADOW, [])
    used = {usual.deployment_id} | {one.pk for one, _ in (*canaries, *shadows)}
    return traffic_of(
        usual,
        [(route, deployment.weight) for deployment, route in canaries],
        [route for _, route in shadows],
        endpoint.entity_column,
        [route for deployment, route in loaded if deployment.pk not in used],
    )

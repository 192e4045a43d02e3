"""The state of one web process: routes and tokens, brought up to date twice a second.

Two threads look after it. One *looks*: it only reads, so that a revoked token or a stopped endpoint shows
within a second whatever else happens. The other *works*: it writes deployments that follow their champion and
loads models, which may take longer.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections, connections

from accounts.selectors import principals_of_digests
from core.errors import DomainError
from serving.errors import EndpointNotReady, EndpointStopped, EndpointUnknown
from serving.execution.following import follow_champions
from serving.models import Deployment
from serving.prediction_log import SegmentWriter
from serving.routing.loading import LoadedModels
from serving.routing.places import Places
from serving.routing.routes import Route, route_of
from serving.routing.statistics import Labels, Statistics
from serving.routing.tokens import TokenCache
from serving.selectors.deployments import (
    active_champions,
    endpoints_behind_their_champion,
    generation,
)

logger = logging.getLogger(__name__)

Key = tuple[int, str]


class Routing:
    """Routes by project and endpoint name; a reader sees either the old table or the new one.

    A new version is loaded and has answered once before the switch; until then, and if it cannot be
    loaded at all, the version before it goes on answering.

    Parameters
    ----------
    tick_seconds
        How often routes and tokens are looked at, by threads of this process; 0: with each request, and
        there are no threads.
    models
        What loads models; the usual one when absent.

    Attributes
    ----------
    tokens
        Who asks.
    log
        Where answers are written before they leave.
    places
        To be entered while a prediction is made.
    statistics
        What was answered and refused.
    """

    def __init__(self, *, tick_seconds: float, models: LoadedModels | None = None) -> None:
        self.tokens = TokenCache(principals_of_digests)
        self.log = SegmentWriter(Path(settings.PREDICTION_LOG_ROOT))
        self.places = Places(settings.PREDICT_MAX_AT_ONCE)
        self.statistics = Statistics()
        self._tick_seconds = tick_seconds
        self._models = LoadedModels() if models is None else models
        self._routes: Mapping[Key, Route] = {}
        self._open: Mapping[tuple[str, str], Route] = {}
        self._waiting: Sequence[Deployment] = ()
        self._generation: int | None = None
        self._changing = threading.Lock()
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._work_to_do = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pid = 0

    def route(self, project_id: int, name: str) -> Route:
        """Return the route of an endpoint.

        Raises
        ------
        EndpointUnknown, EndpointStopped, EndpointNotReady
            There is none, somebody stopped it, or its model could not be loaded.
        """
        self._ensure_started()
        key = (project_id, name)
        route = self._routes.get(key)
        if route is None:
            route = self._new_route(key)
        if not route.is_live:
            raise EndpointStopped(f"The endpoint '{name}' is stopped.")
        return route

    @property
    def loaded_models(self) -> int:
        """How many models are in memory."""
        return len(self._models)

    def look(self) -> None:
        """Learn the routes of the present moment, whatever the time of the next tick."""
        self._ensure_started()
        self._look_at_routes()

    def answers(self, project_id: int, name: str) -> bool:
        """Whether predictions are answered at an endpoint right now."""
        try:
            self.route(project_id, name)
        except DomainError:
            return False
        return True

    def open_route(self, project_slug: str, name: str) -> Route | None:
        """Return the route of an endpoint that answers without a token; None when there is none."""
        self._ensure_started()
        route = self._open.get((project_slug, name))
        if route is None:
            self._look_at_routes()
            route = self._open.get((project_slug, name))
        return route

    def close(self) -> None:
        """End the threads and close the log."""
        self._stop.set()
        self._work_to_do.set()
        if self._pid == os.getpid():
            for thread in self._threads:
                thread.join()
        self.log.close()

    def _new_route(self, key: Key) -> Route:
        """Return the route of an endpoint made since the last tick, or whose first model is not loaded."""
        self._look_at_routes()
        for deployment in self._waiting:
            if _key_of(deployment) == key:
                if not self._models.is_worth_trying(deployment.model_version):
                    break
                self._load(deployment)
        route = self._routes.get(key)
        if route is not None:
            return route
        if any(_key_of(deployment) == key for deployment in self._waiting):
            raise EndpointNotReady(f"The model of '{key[1]}' could not be loaded.", retry_after=5)
        raise EndpointUnknown(f"There is no endpoint '{key[1]}'.")

    def _look(self) -> None:
        """Learn what has changed; reads only."""
        self.tokens.check_again()
        self._look_at_routes()
        self._models.forget()
        if self._next_to_load() or endpoints_behind_their_champion().exists():
            self._work_to_do.set()

    def _look_at_routes(self) -> None:
        """Show the table of the present generation, with those models that are in memory."""
        with self._changing:
            present = generation()
            if present == self._generation:
                return
            deployments = active_champions()
            routes: dict[Key, Route] = {}
            waiting: list[Deployment] = []
            for deployment in deployments:
                key = _key_of(deployment)
                model = self._models.get(deployment.model_version)
                before = self._routes.get(key)
                if model is not None:
                    routes[key] = route_of(deployment, model)
                    continue
                waiting.append(deployment)
                if before is not None and before.endpoint_id == deployment.endpoint_id:
                    routes[key] = replace(
                        before,
                        is_live=deployment.endpoint.is_live,
                        is_open=deployment.endpoint.is_open,
                    )
            self._show(routes)
            self._waiting = waiting
            self._generation = present
        self._models.want(deployment.model_version for deployment in deployments)

    def _show(self, routes: Mapping[Key, Route]) -> None:
        """Let these routes answer from now on."""
        for route in routes.values():
            self.statistics.name(
                route.deployment_id,
                Labels(route.project_slug, route.endpoint_name, route.version_number, route.role),
            )
        self._routes = routes
        self._open = {
            (route.project_slug, route.endpoint_name): route
            for route in routes.values()
            if route.is_open
        }

    def _work(self) -> None:
        """Let endpoints follow their champion, and load what waits."""
        try:
            if follow_champions():
                self._look_at_routes()
        finally:
            while (deployment := self._next_to_load()) and not self._stop.is_set():
                self._load(deployment)

    def _next_to_load(self) -> Deployment | None:
        return next(
            (one for one in self._waiting if self._models.is_worth_trying(one.model_version)), None
        )

    def _load(self, deployment: Deployment) -> None:
        """Load a deployment's model and let it answer from now on; or note why it cannot be loaded."""
        problem = ""
        try:
            model = self._models.load(deployment.model_version)
        except Exception as error:
            # Whatever is wrong with one model, it must not stand in the way of the others.
            logger.exception(
                "%s cannot be loaded; what answered at '%s' before goes on",
                *(deployment.model_version, deployment.endpoint.name),
            )
            problem = (str(error) or type(error).__name__)[:500]
        else:
            with self._changing:
                # Unless the table was made anew meanwhile, and knows better.
                if any(one is deployment for one in self._waiting):
                    self._waiting = [one for one in self._waiting if one is not deployment]
                    route = route_of(deployment, model)
                    self._show({**self._routes, _key_of(deployment): route})
        if deployment.problem != problem:
            deployment.problem = problem
            Deployment.objects.filter(pk=deployment.pk).update(problem=problem)

    def _ensure_started(self) -> None:
        """Start looking; after a fork, the child starts anew."""
        if not self._tick_seconds:
            self._look()
            self._work()
            return
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            self._look_at_routes()
            self._threads = [
                threading.Thread(target=self._keep, args=arguments, name=name, daemon=True)
                for name, *arguments in (
                    ("routing-looks", self._look, self._pause),
                    ("routing-works", self._work, self._wait_for_work),
                )
            ]
            for thread in self._threads:
                thread.start()
            self._pid = os.getpid()

    def _pause(self) -> None:
        self._stop.wait(self._tick_seconds)

    def _wait_for_work(self) -> None:
        self._work_to_do.wait()
        self._work_to_do.clear()

    def _keep(self, doing: Callable[[], None], waiting: Callable[[], None]) -> None:
        try:
            while True:
                waiting()
                if self._stop.is_set():
                    return
                try:
                    doing()
                except AnyDatabaseError as error:
                    # What is known stays good until the database answers again.
                    logger.warning("routes cannot be brought up to date: %s", error)
                except Exception:
                    logger.exception("routes cannot be brought up to date")
                finally:
                    close_old_connections()
        finally:
            connections.close_all()


def _key_of(deployment: Deployment) -> Key:
    return (deployment.endpoint.project_id, deployment.endpoint.name)


_routing: Routing | None = None
_making = threading.Lock()


def routing() -> Routing:
    """Return the state of this process, made with the first request."""
    global _routing
    if _routing is None:
        with _making:
            if _routing is None:
                _routing = Routing(tick_seconds=settings.ROUTING_TICK_SECONDS)
    return _routing


def forget_routing() -> None:
    """Close the state of this process; the next request makes a new one."""
    global _routing
    with _making:
        if _routing is not None:
            _routing.close()
        _routing = None

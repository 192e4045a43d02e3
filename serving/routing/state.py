"""The state of one web process: routes and tokens, brought up to date twice a second."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from accounts.selectors import principal_of_digest
from core.errors import DomainError
from models_registry.models import ModelVersion
from models_registry.runtimes import CannotRun
from serving.errors import EndpointNotReady, EndpointStopped, EndpointUnknown
from serving.execution.following import follow_champions
from serving.models import Deployment
from serving.prediction_log import SegmentWriter
from serving.routing.routes import LoadedModel, Route, load_model, model_key, route_of
from serving.routing.tokens import TokenCache
from serving.selectors.deployments import active_champions, generation

logger = logging.getLogger(__name__)

#: A deployment that could not be loaded is tried again after so many seconds.
_TRY_AGAIN_SECONDS = 10.0

Routes = Mapping[tuple[int, str], Route]


class Routing:
    """Routes by project and endpoint name; a reader sees either the old table or the new one.

    A new version is loaded and has answered once before the switch; until then, and if it cannot be
    loaded at all, the version before it goes on answering.

    Parameters
    ----------
    tick_seconds
        How often routes and tokens are looked at, by a thread of this process; 0: with each request, and
        there is no thread.
    """

    def __init__(self, *, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._stop = threading.Event()
        self.tokens = TokenCache(principal_of_digest)
        self.log = SegmentWriter(Path(settings.PREDICTION_LOG_ROOT))
        self._routes: Routes = {}
        self._failed: dict[int, float] = {}
        self._known: frozenset[tuple[int, str]] = frozenset()
        self._generation: int | None = None
        self._refreshing = threading.Lock()
        self._starting = threading.Lock()
        self._pid = 0
        self._thread: threading.Thread | None = None

    def route(self, project_id: int, name: str) -> Route:
        """Return the route of an endpoint.

        Raises
        ------
        EndpointUnknown, EndpointStopped, EndpointNotReady
            There is none, somebody stopped it, or its model could not be loaded.
        """
        self._ensure_started()
        route = self._routes.get((project_id, name))
        if route is None:
            # It may have been made since the last tick.
            self.refresh()
            route = self._routes.get((project_id, name))
        if route is None:
            if (project_id, name) in self._known:
                raise EndpointNotReady(f"The model of '{name}' could not be loaded.", retry_after=5)
            raise EndpointUnknown(f"There is no endpoint '{name}'.")
        if not route.is_live:
            raise EndpointStopped(f"The endpoint '{name}' is stopped.")
        return route

    def refresh(self) -> None:
        """Bring the routes up to date, if anything has changed since the last time."""
        with self._refreshing:
            follow_champions()
            present = generation()
            is_due = any(time.monotonic() >= moment for moment in self._failed.values())
            if present == self._generation and not is_due:
                return
            self._routes = self._table(active_champions())
            self._generation = present

    def close(self) -> None:
        """End the thread and close the log."""
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join()
        self.log.close()

    def _table(self, deployments: list[Deployment]) -> Routes:
        loaded: dict[tuple[str, str, str], LoadedModel] = {}
        versions = {one.model_version_id: one.model_version for one in deployments}
        for route in self._routes.values():
            version = versions.get(route.model_version_id)
            if version is not None:
                loaded[model_key(version)] = route.model
        table: dict[tuple[int, str], Route] = {}
        failed: dict[int, float] = {}
        for deployment in deployments:
            key = (deployment.endpoint.project_id, deployment.endpoint.name)
            model = self._loaded(deployment, loaded, failed)
            if model is not None:
                table[key] = route_of(deployment, model)
            elif key in self._routes:
                table[key] = self._routes[key]
        self._known = frozenset((one.endpoint.project_id, one.endpoint.name) for one in deployments)
        self._failed = failed
        return table

    def _loaded(
        self,
        deployment: Deployment,
        loaded: dict[tuple[str, str, str], LoadedModel],
        failed: dict[int, float],
    ) -> LoadedModel | None:
        version: ModelVersion = deployment.model_version
        key = model_key(version)
        if key in loaded:
            return loaded[key]
        if self._failed.get(deployment.pk, 0.0) > time.monotonic():
            failed[deployment.pk] = self._failed[deployment.pk]
            return None
        problem = ""
        try:
            loaded[key] = load_model(version)
        except (DomainError, CannotRun, OSError) as error:
            problem = str(error)
            logger.exception("%s cannot be loaded; what answered before goes on", version)
            failed[deployment.pk] = time.monotonic() + _TRY_AGAIN_SECONDS
        if deployment.problem != problem:
            Deployment.objects.filter(pk=deployment.pk).update(problem=problem[:500])
        return loaded.get(key)

    def _ensure_started(self) -> None:
        """Read the table and start looking after it; after a fork, the child starts anew."""
        if not self._tick_seconds:
            self.refresh()
            self.tokens.check_again()
            return
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            self.refresh()
            self._thread = threading.Thread(target=self._keep_fresh, name="routing", daemon=True)
            self._thread.start()
            self._pid = os.getpid()

    def _keep_fresh(self) -> None:
        while not self._stop.wait(self._tick_seconds):
            try:
                self.refresh()
                self.tokens.check_again()
            except AnyDatabaseError as error:
                # What is known stays good until the database answers again.
                logger.warning("routes cannot be looked at: %s", error)
            except Exception:
                logger.exception("routes cannot be brought up to date")
            finally:
                close_old_connections()


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

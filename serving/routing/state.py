"""The state of one web process: routes and tokens, brought up to date twice a second.

Three threads look after it. One *looks*: it only reads, so that a revoked token or a stopped endpoint shows
within a second whatever else happens. One *works*: it writes deployments that follow their champion and
loads models, which may take longer. One *counts*: it adds what was answered to the minutes in the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.selectors import principals_of_digests
from core.clock import now
from core.errors import DomainError
from models_registry.decisions import usual_threshold
from models_registry.models import ModelVersion, VersionStatus
from serving.errors import EndpointNotReady, EndpointStopped, EndpointUnknown, VersionNotServed
from serving.execution.following import follow_champions
from serving.models import Deployment
from serving.prediction_log import SegmentWriter
from serving.routing.constants import constant_model
from serving.routing.counting import MinuteCounter
from serving.routing.loading import LoadedModels
from serving.routing.places import Places
from serving.routing.rates import RateLimits
from serving.routing.routes import LoadedModel, Route
from serving.routing.shadowing import Shadows
from serving.routing.statistics import Labels, Statistics
from serving.routing.tables import Key, is_usual, key_of, table_of
from serving.routing.tokens import TokenCache
from serving.routing.traffic import Traffic
from serving.routing.upkeep import Duty, Upkeep
from serving.selectors.deployments import (
    active_deployments,
    addressed_version,
    endpoints_behind_their_champion,
    generation,
    own_threshold,
)

logger = logging.getLogger(__name__)

#: The role, in the log, of a version that is not at work and was asked for by its number or alias.
ADDRESSED = "addressed"


#: So often a request that finds no model looks for one and loads it, when others take its place meanwhile.
_MOST_FIRST_LOADS = 4


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
    streams
        To be entered while a stream of lines is open: it has a thread of the server until it ends.
    turn
        To be held while a small request is answered. Threads that wait for it leave Python's lock alone: else it
        would change hands with each write and each run of a model, which costs as much as the prediction.
    rates
        How often a caller may ask.
    statistics
        What was answered and refused.
    shadows
        What answers once more, for the log only.
    admissions
        For those who admit: what they found out since routes and tokens were looked at last, to be asked before
        they find it out again. None where each request is looked at anew.
    """

    def __init__(self, *, tick_seconds: float, models: LoadedModels | None = None) -> None:
        self.tokens = TokenCache(principals_of_digests)
        self.log = SegmentWriter(Path(settings.PREDICTION_LOG_ROOT))
        self.places = Places(settings.PREDICT_MAX_AT_ONCE)
        self.streams = Places(
            settings.PREDICT_STREAMS_AT_ONCE, "As many streams as allowed are open."
        )
        self.turn = threading.Lock()
        self.rates = RateLimits(
            per_token=settings.PREDICT_RATE_PER_TOKEN,
            per_open_endpoint=settings.PREDICT_RATE_PER_OPEN_ENDPOINT,
            burst_seconds=settings.PREDICT_BURST_SECONDS,
        )
        self.statistics = Statistics()
        self.shadows = Shadows(self.log.append, self.statistics, has_thread=bool(tick_seconds))
        self.admissions: dict[Any, Any] | None = None
        self._minutes = MinuteCounter(self.statistics)
        self._tick_seconds = tick_seconds
        self._models = LoadedModels() if models is None else models
        self._traffic: Mapping[Key, Traffic] = {}
        self._open: Mapping[tuple[str, str], Route] = {}
        self._deployments: Sequence[Deployment] = ()
        self._waiting: Sequence[Deployment] = ()
        self._generation: int | None = None
        self._changing = threading.Lock()
        self._upkeep = Upkeep(
            {
                "routing-looks": Duty(self._look, tick_seconds),
                "routing-works": Duty(self._work),
                "routing-counts": Duty(self.flush, settings.TRAFFIC_FLUSH_SECONDS),
            }
        )

    def traffic(self, project_id: int, name: str) -> Traffic:
        """Return what is at work at an endpoint.

        Raises
        ------
        EndpointUnknown, EndpointStopped, EndpointNotReady
            There is none, somebody stopped it, or its model could not be loaded.
        """
        self._ensure_started()
        key = (project_id, name)
        traffic = self._traffic.get(key)
        if traffic is None:
            traffic = self._new_traffic(key)
        if not traffic.usual.is_live:
            raise EndpointStopped(f"The endpoint '{name}' is stopped.")
        return traffic

    def route(self, project_id: int, name: str) -> Route:
        """Return the route that usually answers at an endpoint.

        Raises
        ------
        EndpointUnknown, EndpointStopped, EndpointNotReady
            As :meth:`traffic` does.
        """
        return self.traffic(project_id, name).usual

    def addressed(
        self, traffic: Traffic, *, version: int | None, alias: str | None, may_load: bool
    ) -> Route:
        """Return the route of the version that a caller asks for by its number or an alias.

        Parameters
        ----------
        may_load
            Whether a version that is not at work at the endpoint is loaded for this caller.

        Raises
        ------
        VersionNotServed
            There is none, or it is not at work here and the caller may not have it loaded.
        EndpointNotReady
            It cannot be loaded.
        """
        usual = traffic.usual
        name = f"version {version}" if alias is None else f"alias '{alias}'"
        for route in traffic.at_work:
            if version in (None, route.version_number) and alias in (None, route.role):
                return route
        refusal = VersionNotServed(f"The {name} does not answer at '{usual.endpoint_name}'.")
        found = None
        if may_load or alias is not None:
            found = addressed_version(endpoint_id=usual.endpoint_id, number=version, alias=alias)
        if found is None:
            raise refusal
        for route in traffic.at_work:
            if found.pk == route.model_version_id:
                return route
        if not may_load or found.status != VersionStatus.READY:
            raise refusal
        try:
            model = self._models.load(found)
        except Exception as error:
            logger.exception("%s cannot be loaded", found)
            raise EndpointNotReady(f"The {name} cannot be loaded.", retry_after=5) from error
        described = {"id": found.pk, "model": found.model.name, "number": found.number}
        return replace(
            usual,
            deployment_id=0,
            role=ADDRESSED,
            group="",
            model_version_id=found.pk,
            version_number=found.number,
            model=model,
            described=described,
            threshold=usual_threshold(
                model.signature, found.decision, of_endpoint=own_threshold(usual.endpoint_id)
            ),
        )

    def flush(self) -> None:
        """Add what has been counted to the minutes in the database."""
        self._minutes.flush(now())

    def model_of(self, version: ModelVersion) -> LoadedModel | None:
        """Return a version's model when this process has it in memory."""
        return self._models.get(version)

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
        self.shadows.close()
        self._upkeep.close()
        self.log.close()

    def _new_traffic(self, key: Key) -> Traffic:
        """Return the traffic of an endpoint made since the last tick, or whose first model is not loaded."""
        # While the first model loads, another version may become champion: then that one is loaded too.
        for _ in range(_MOST_FIRST_LOADS):
            self._look_at_routes()
            worth_trying = [
                one
                for one in self._waiting
                if key_of(one) == key
                and is_usual(one)
                and self._models.is_worth_trying(one.model_version)
            ]
            if key in self._traffic or not worth_trying:
                break
            self._load(worth_trying[0])
        traffic = self._traffic.get(key)
        if traffic is not None:
            return traffic
        if any(key_of(deployment) == key for deployment in self._waiting):
            raise EndpointNotReady(f"The model of '{key[1]}' could not be loaded.", retry_after=5)
        raise EndpointUnknown(f"There is no endpoint '{key[1]}'.")

    def _look(self) -> None:
        """Learn what has changed; reads only."""
        self.tokens.check_again()
        self._look_at_routes()
        self._forget_admissions()
        self._models.forget()
        if self._next_to_load() or endpoints_behind_their_champion().exists():
            self._upkeep.ring()

    def _look_at_routes(self) -> None:
        """Show the table of the present generation, with those models that are in memory."""
        with self._changing:
            present = generation()
            if present == self._generation:
                return
            deployments = active_deployments()
            self._deployments = deployments
            self._build()
            self._generation = present
        self._models.want(deployment.model_version for deployment in deployments)

    def _build(self) -> None:
        """Make the table of what is at work, with those models that are in memory (inside ``_changing``)."""
        table, self._waiting = table_of(self._deployments, self._model_of, self._traffic)
        self._show(table)

    def _model_of(self, deployment: Deployment) -> LoadedModel | None:
        """Return what answers for a deployment, when it is in memory; a constant always is."""
        version = deployment.model_version
        if deployment.role == Deployment.Role.CONSTANT:
            return constant_model(version.signature, deployment.endpoint.fallback_value)
        return self._models.get(version)

    def _show(self, table: Mapping[Key, Traffic]) -> None:
        """Let these answer from now on."""
        for traffic in table.values():
            for route in traffic.at_work:
                self.statistics.name(
                    route.deployment_id,
                    Labels(
                        route.project_slug,
                        route.endpoint_name,
                        route.version_number,
                        route.role,
                        route.group,
                    ),
                )
        self._traffic = table
        self._open = {
            (traffic.usual.project_slug, traffic.usual.endpoint_name): traffic.usual
            for traffic in table.values()
            if traffic.usual.is_open
        }
        self._forget_admissions()

    def _forget_admissions(self) -> None:
        """Begin a new memory: whoever still fills the old one does so in vain."""
        self.admissions = {} if self._upkeep.is_running else None

    def _work(self) -> None:
        """Let endpoints follow their champion, and load what waits."""
        try:
            if follow_champions():
                self._look_at_routes()
        finally:
            while (deployment := self._next_to_load()) and not self._upkeep.is_ending:
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
                if self._models.get(deployment.model_version) is model:
                    self._build()
        if deployment.problem != problem:
            deployment.problem = problem
            Deployment.objects.filter(pk=deployment.pk).update(problem=problem)

    def _ensure_started(self) -> None:
        """Start looking; after a fork, the child starts anew."""
        if not self._tick_seconds:
            self._look()
            self._work()
        elif not self._upkeep.is_running:
            self._upkeep.start(first=self._look_at_routes)

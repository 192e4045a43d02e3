"""Routes: what answers under which name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings

from models_registry.decisions import usual_threshold
from models_registry.loading import load_explainer, load_version
from models_registry.models import ModelVersion
from models_registry.runtimes import Runtime
from models_registry.runtimes.uploaded import RowsNotComputed
from models_registry.signatures import Columns, Signature
from serving.models import Deployment, Endpoint
from serving.prediction_log import KEEP_ALL, LogPolicy
from serving.prediction_log.records import record_head
from serving.protocols import Origin
from serving.routing.batching import BatchedRuntime
from serving.routing.explaining import Explaining
from serving.selectors.log_policies import policy_of


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model version in memory, ready to answer.

    Attributes
    ----------
    explaining
        How it says why; None where nothing is to be explained.
    """

    signature: Signature
    runtime: Runtime
    explaining: Explaining | None = None

    @property
    def is_quick(self) -> bool:
        """Whether it answers by itself, at once; the others wait for each other, to be answered together."""
        return not isinstance(self.runtime, BatchedRuntime)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint with the model that answers behind it.

    Attributes
    ----------
    is_open
        Whether it answers callers without a token, too.
    described
        ``{"id", "model", "number"}`` of the version, as answers say it.
    group
        Name of the A/B group, for the log.
    log_policy
        What the log keeps.
    threshold
        The usual one for decisions; None where there is none.
    origin
        Who answers, as the dialects say it.
    log_head
        How the records of its answers begin.
    is_plain
        Whether its records have nothing but what all have.
    """

    project_id: int
    project_slug: str
    endpoint_id: int
    endpoint_name: str
    is_live: bool
    is_open: bool
    deployment_id: int
    role: str
    model_version_id: int
    version_number: int
    model: LoadedModel
    described: Mapping[str, Any]
    group: str = ""
    log_policy: LogPolicy = KEEP_ALL
    threshold: float | None = None
    origin: Origin = field(init=False, compare=False, repr=False)
    log_head: bytes = field(init=False, compare=False, repr=False)
    is_plain: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Write what all answers of the route have in common, once."""
        origin = Origin(
            self.endpoint_name, self.version_number, self.described, self.model.signature
        )
        head = record_head(
            project_id=self.project_id,
            endpoint_id=self.endpoint_id,
            deployment_id=self.deployment_id,
            model_version_id=self.model_version_id,
            role=self.role,
        )
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "log_head", head)
        object.__setattr__(self, "is_plain", not (self.group or self.log_policy.redaction))


def route_of(deployment: Deployment, model: LoadedModel) -> Route:
    """Return the route of an active deployment (with endpoint, version and model loaded)."""
    version = deployment.model_version
    endpoint = deployment.endpoint
    described: dict[str, Any] = {
        "id": version.pk,
        "model": version.model.name,
        "number": version.number,
    }
    if deployment.role in _STAND_INS:
        described["fallback"] = _STAND_INS[deployment.role]
    return Route(
        project_id=endpoint.project_id,
        project_slug=endpoint.project.slug,
        endpoint_id=endpoint.pk,
        endpoint_name=endpoint.name,
        is_live=endpoint.is_live,
        is_open=endpoint.is_open,
        deployment_id=deployment.pk,
        role=deployment.role,
        model_version_id=version.pk,
        version_number=version.number,
        model=model,
        described=described,
        group=deployment.group,
        log_policy=policy_of(endpoint),
        threshold=usual_threshold(
            model.signature, version.decision, of_endpoint=endpoint.decision_threshold
        ),
    )


#: What an answer says of who gave it when it was not the champion's turn.
_STAND_INS = {
    Deployment.Role.FALLBACK.value: Endpoint.Fallback.PREVIOUS.value,
    Deployment.Role.CONSTANT.value: Endpoint.Fallback.CONSTANT.value,
}


def load_model(version: ModelVersion) -> LoadedModel:
    """Load a version's verified files into its runtime and let it answer once.

    Raises
    ------
    models_registry.runtimes.RowsNotComputed
        It computes none of some plain rows.
    core.errors.DomainError
        A file is missing, damaged or not trusted.
    models_registry.runtimes.CannotRun
        The runtime cannot be built from the files.
    """
    signature = Signature.from_dict(version.signature)
    runtime = load_version(version, threads_for_many=settings.PREDICT_MODEL_THREADS)
    if version.runtime == "native":
        runtime = BatchedRuntime(runtime)
    _answer_once(runtime, _some_rows(signature))
    return LoadedModel(signature, runtime, Explaining(lambda: load_explainer(version, runtime)))


def _answer_once(runtime: Runtime, rows: Columns) -> None:
    """Let a runtime answer; the first answer is slow, so nobody else shall wait for it.

    A graph may be unable to compute a row, as it may be with a caller's, who is told so then.

    Raises
    ------
    RowsNotComputed
        It computes none of the rows.
    """
    try:
        runtime.predict(rows)
    except RowsNotComputed:
        for place in range(rows.row_count):
            with suppress(RowsNotComputed):
                runtime.predict(rows.take(slice(place, place + 1)))
                return
        raise


def _some_rows(signature: Signature) -> Columns:
    """Return a row of zeros, one of ones, and one of what may be missing."""
    numeric = np.zeros((3, len(signature.numeric)))
    numeric[1] = 1.0
    numeric[2, [field.nullable for field in signature.numeric]] = np.nan
    known = [(field.categories or ("",))[0] for field in signature.text]
    texts = tuple(np.array([value] * 3, dtype=object) for value in known)
    return Columns(signature, numeric, texts, 3)

"""Which dialect a path speaks, and whom it asks.

=====================================  =====================================================================
``/api/v1/endpoints/E/predict/``       native
``/v1/models/E…:predict``              TensorFlow Serving (``:classify``, ``:regress``), KServe (``:explain``)
``/v2/models/E…/infer``                Open Inference Protocol
``/invocations``                       MLflow scoring, of the endpoint that the site names
``/serve/P/v1/models/…``               the same of project ``P``, also without a token
``/serve/P/v2/models/…``
``/serve/P/E/invocations``
=====================================  =====================================================================

``…`` may name a version, ``/versions/3``; in TensorFlow's dialect also an alias, ``/labels/champion``.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.protocols.base import Codec
from serving.protocols.mlflow_scoring import MlflowScoring
from serving.protocols.native import Native
from serving.protocols.open_inference import OpenInference
from serving.protocols.tensorflow import TensorFlow

NATIVE = Native()
OPEN_INFERENCE = OpenInference()
MLFLOW = MlflowScoring()
_TENSORFLOW = {
    "predict": TensorFlow("predict"),
    "classify": TensorFlow("classify"),
    "regress": TensorFlow("regress"),
    "explain": TensorFlow("explain"),
}

SERVE = "/serve/"
INVOCATIONS = "/invocations"
_NATIVE_PREFIX = "/api/v1/endpoints/"
_NATIVE_SUFFIX = "/predict/"
_V1 = "/v1/models/"
_V2 = "/v2/models/"
_INFER = "/infer"


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a request asks, and in which dialect.

    Attributes
    ----------
    project
        Slug of the project that the path names; None: that of the token.
    endpoint
        Name of the endpoint; empty: the one that the site's settings name.
    version
        Number of the version that shall answer; None: whichever the traffic rules choose.
    alias
        The alias of the version that shall answer, in the same way.
    """

    codec: Codec
    project: str | None
    endpoint: str
    version: int | None = None
    alias: str | None = None


def scoring_address(path: str) -> Address | None:
    """Return what a ``POST`` to a path asks for; None when it is none of the scoring addresses."""
    if path.startswith(_NATIVE_PREFIX):
        if not path.endswith(_NATIVE_SUFFIX):
            return None
        name = path[len(_NATIVE_PREFIX) : -len(_NATIVE_SUFFIX)]
        return Address(NATIVE, None, name) if name and "/" not in name else None
    project: str | None = None
    if path.startswith(SERVE):
        project, slash, rest = path[len(SERVE) :].partition("/")
        path = slash + rest
        if not project:
            return None
        if path.endswith(INVOCATIONS) and path != INVOCATIONS:
            name = path[1 : -len(INVOCATIONS)]
            return Address(MLFLOW, project, name) if "/" not in name else None
    elif path == INVOCATIONS:
        return Address(MLFLOW, None, "")
    if path.startswith(_V1):
        target, _, verb = path[len(_V1) :].rpartition(":")
        codec = _TENSORFLOW.get(verb)
        return None if codec is None else _model_address(codec, project, target)
    if path.startswith(_V2) and path.endswith(_INFER):
        return _model_address(OPEN_INFERENCE, project, path[len(_V2) : -len(_INFER)])
    return None


def _model_address(codec: Codec, project: str | None, target: str) -> Address | None:
    """Return the address of ``name``, ``name/versions/3`` or ``name/labels/champion``."""
    name, slash, rest = target.partition("/")
    if not name:
        return None
    if not slash:
        return Address(codec, project, name)
    kind, _, value = rest.partition("/")
    if kind == "versions" and value.isascii() and value.isdigit() and len(value) < 10:
        return Address(codec, project, name, version=int(value))
    if kind == "labels" and value and "/" not in value and codec is not OPEN_INFERENCE:
        return Address(codec, project, name, alias=value)
    return None

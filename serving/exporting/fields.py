"""The fields that our manifests use, with their types: a part of Kubernetes' and KServe's schemas, written by hand.

Source: Kubernetes API reference (v1.31); KServe ``InferenceService`` v1beta1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """An object: its fields, and those that it must have."""

    known: Mapping[str, Any]
    needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Each:
    """A list with at least one element (``is_map``: an object of any keys), all of one form."""

    of: Any
    is_map: bool = False


_TEXTS = Each(str, is_map=True)
_METADATA = Fields({"name": str, "labels": _TEXTS, "annotations": _TEXTS}, ("name",))
_PROBE = Fields(
    {
        "httpGet": Fields({"path": str, "port": int}, ("path", "port")),
        "initialDelaySeconds": int,
        "periodSeconds": int,
        "timeoutSeconds": int,
        "failureThreshold": int,
    },
    ("httpGet",),
)
_SECRET = Fields({"name": str, "key": str, "optional": bool}, ("name", "key"))
_CONTAINER = Fields(
    {
        "name": str,
        "image": str,
        "ports": Each(Fields({"containerPort": int, "protocol": str}, ("containerPort",))),
        "env": Each(
            Fields(
                {"name": str, "value": str, "valueFrom": Fields({"secretKeyRef": _SECRET})},
                ("name",),
            )
        ),
        "resources": Fields({"requests": _TEXTS, "limits": _TEXTS}, ("requests", "limits")),
        "readinessProbe": _PROBE,
        "livenessProbe": _PROBE,
        "securityContext": Fields(
            {
                "runAsNonRoot": bool,
                "runAsUser": int,
                "allowPrivilegeEscalation": bool,
                "readOnlyRootFilesystem": bool,
                "capabilities": Fields({"drop": Each(str)}),
                "seccompProfile": Fields({"type": str}, ("type",)),
            }
        ),
        "volumeMounts": Each(Fields({"name": str, "mountPath": str}, ("name", "mountPath"))),
    },
    (
        *("name", "image", "ports", "resources", "readinessProbe", "livenessProbe"),
        "securityContext",
    ),
)
_VOLUMES = Each(Fields({"name": str, "emptyDir": Fields({"sizeLimit": str})}, ("name",)))
_POD = Fields(
    {
        "automountServiceAccountToken": bool,
        "containers": Each(_CONTAINER),
        "volumes": _VOLUMES,
    },
    ("containers",),
)


def _document(api_version: str, kind: str, **known: Any) -> tuple[tuple[str, str], Fields]:
    fields = {"apiVersion": str, "kind": str, **known}
    return (api_version, kind), Fields(fields, ("apiVersion", "kind", *known))


KINDS: Mapping[tuple[str, str], Fields] = dict(
    [
        _document(
            "apps/v1",
            "Deployment",
            metadata=_METADATA,
            spec=Fields(
                {
                    "selector": Fields({"matchLabels": _TEXTS}, ("matchLabels",)),
                    "strategy": Fields(
                        {
                            "type": str,
                            "rollingUpdate": Fields({"maxUnavailable": int, "maxSurge": int}),
                        }
                    ),
                    "template": Fields(
                        {"metadata": Fields({"labels": _TEXTS}, ("labels",)), "spec": _POD},
                        ("metadata", "spec"),
                    ),
                },
                ("selector", "template"),
            ),
        ),
        _document(
            "v1",
            "Service",
            metadata=_METADATA,
            spec=Fields(
                {
                    "type": str,
                    "selector": _TEXTS,
                    "ports": Each(
                        Fields(
                            {"name": str, "port": int, "targetPort": int, "protocol": str},
                            ("port", "targetPort"),
                        )
                    ),
                },
                ("selector", "ports"),
            ),
        ),
        _document(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            metadata=_METADATA,
            spec=Fields(
                {
                    "scaleTargetRef": Fields(
                        {"apiVersion": str, "kind": str, "name": str},
                        ("apiVersion", "kind", "name"),
                    ),
                    "minReplicas": int,
                    "maxReplicas": int,
                    "metrics": Each(
                        Fields(
                            {
                                "type": str,
                                "resource": Fields(
                                    {
                                        "name": str,
                                        "target": Fields(
                                            {"type": str, "averageUtilization": int}, ("type",)
                                        ),
                                    },
                                    ("name", "target"),
                                ),
                            },
                            ("type",),
                        )
                    ),
                },
                ("scaleTargetRef", "minReplicas", "maxReplicas"),
            ),
        ),
        _document(
            "kustomize.config.k8s.io/v1beta1",
            "Kustomization",
            resources=Each(str),
            images=Each(Fields({"name": str, "newName": str, "newTag": str}, ("name",))),
        ),
        _document(
            "serving.kserve.io/v1beta1",
            "InferenceService",
            metadata=_METADATA,
            spec=Fields(
                {
                    "predictor": Fields(
                        {
                            "minReplicas": int,
                            "maxReplicas": int,
                            "timeout": int,
                            "containers": Each(_CONTAINER),
                            "volumes": _VOLUMES,
                        },
                        ("containers",),
                    )
                },
                ("predictor",),
            ),
        ),
    ]
)


def problems_of(value: Any, form: Any, path: str = "") -> Iterator[str]:
    """Say which fields of a value are unknown, missing or of another type."""
    where = path or "the document"
    if isinstance(form, Fields):
        yield from _of_fields(value, form, path, where)
    elif isinstance(form, Each):
        yield from _of_each(value, form, path, where)
    elif type(value) is not form:
        yield f"{where}: must be of the type {form.__name__}"


def _of_fields(value: Any, form: Fields, path: str, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: must be an object"
        return
    for name in form.needed:
        if name not in value:
            yield f"{where}: '{name}' is missing"
    for name, inner in value.items():
        if name not in form.known:
            yield f"{where}: the field '{name}' is not known"
        else:
            yield from problems_of(inner, form.known[name], f"{path}.{name}".lstrip("."))


def _of_each(value: Any, form: Each, path: str, where: str) -> Iterator[str]:
    items: Iterable[tuple[Any, Any]]
    if form.is_map and isinstance(value, dict):
        items = value.items()
    elif not form.is_map and isinstance(value, list):
        items = enumerate(value)
    else:
        items = ()
    if not items or not value:
        yield f"{where}: must be {'an object' if form.is_map else 'a list'} that is not empty"
        return
    for key, inner in items:
        yield from problems_of(inner, form.of, f"{path}[{key}]")

"""Addresses of the foreign dialects: at the root for the project of the token, below ``serve/`` for a project by name."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from serving.api.dialects import mlflow, open_inference, tensorflow

_V1 = r"^v1/models/(?P<name>[^/:]+)"
_VERB = r":(?:predict|classify|regress|explain)$"


def _tensorflow() -> list[URLPattern]:
    pinned = ("", r"/versions/(?P<version>[0-9]{1,9})", r"/labels/(?P<label>[^/:]+)")
    found = [path("v1/models", tensorflow.models)]
    for part in pinned:
        found += [
            re_path(f"{_V1}{part}$", tensorflow.status),
            re_path(f"{_V1}{part}/metadata$", tensorflow.metadata),
            re_path(f"{_V1}{part}{_VERB}", tensorflow.scoring),
        ]
    return found


def _open_inference() -> list[URLPattern]:
    found = [
        path("v2", open_inference.server),
        path("v2/", open_inference.server),
        path("v2/health/live", open_inference.live),
        path("v2/health/ready", open_inference.ready),
        path("v2/models", open_inference.models),
        path("v2/models/stats", open_inference.statistics),
        path("v2/repository/index", open_inference.repository_index),
        path("v2/repository/models/<str:name>/load", open_inference.load),
        path("v2/repository/models/<str:name>/unload", open_inference.unload),
    ]
    for part in ("v2/models/<str:name>", "v2/models/<str:name>/versions/<int:version>"):
        found += [
            path(part, open_inference.metadata),
            path(f"{part}/ready", open_inference.model_ready),
            path(f"{part}/config", open_inference.config),
            path(f"{part}/stats", open_inference.statistics),
            path(f"{part}/infer", open_inference.infer),
        ]
    return found


def _mlflow(prefix: str) -> list[URLPattern]:
    return [
        path(f"{prefix}invocations", mlflow.invocations),
        path(f"{prefix}ping", mlflow.ping),
        path(f"{prefix}health", mlflow.ping),
        path(f"{prefix}version", mlflow.version),
    ]


_models = [*_tensorflow(), *_open_inference()]

urlpatterns: list[URLPattern | URLResolver] = [
    *_models,
    *_mlflow(""),
    path("serve/<slug:project>", tensorflow.live),
    path("serve/<slug:project>/", tensorflow.live),
    path("serve/<slug:project>/", include([*_models, *_mlflow("<str:name>/")])),
]

"""What is out of the ordinary about addresses. Whatever is not named here has to keep the strict rule.

The rule: without a valid token 401 or 403; with one of too narrow a scope 403; for a member of another
project 404 wherever the path names a row; a viewer reads and never writes. A new address needs an entry
here only when one of these is not so, or when nobody can guess what a part of its path stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

#: Anybody may ask, without a token. Each is a decision: write down why.
PUBLIC: Mapping[str, str] = {
    "": "leads to the admin, which asks for a password",
    "livez": "says that the process lives, and nothing else",
    "readyz": "says whether the parts answer, and nothing else",
    "schema": "describes the API, holds no data",
    "api-docs": "shows the schema",
    "admin:login": "is where one signs in",
    "admin:logout": "ends a session, if there is one",
    "admin:jsi18n": "holds translations of the admin's scripts",
}

#: Addresses that other systems' clients speak to: their probes answer without a token, so do endpoints
#: that are open, and refusals are in the dialect's own form. Here the rule is that nobody without access
#: is told anything of a project's rows.
DIALECTS: Mapping[str, str] = {
    r"(serve/<slug:project>/)?\^?v[12](/.*)?": "TensorFlow Serving and Open Inference",
    r"serve/<slug:project>/?": "says that the server runs, for every slug alike (KServe)",
    r"(serve/<slug:project>/<str:name>/)?(invocations|ping|health|version)": "MLflow scoring",
}

#: Patterns without a name that only lead on to one that has a name: regular expressions.
UNADDRESSED: Mapping[str, str] = {
    r"admin/\(\?P<url>\.\*\)\$": "answers what nothing else of the admin answers: sign in, else 404",
    r"metrics": "asks for METRICS_TOKEN, not for an API token; not there without it: tests/serving/test_metrics.py",
    r"admin/\w+/\w+/<path:object_id>/": "leads on to the page of the row",
}

#: What a part of a path stands for where the view's queryset does not say it: a model's label and the
#: attribute, or a function of the world. A key may be ``parameter`` or ``address name:parameter``.
#: ``dataset_id`` and the like need no entry: it is the key of the model ``dataset``.
PARAMETERS: Mapping[str, tuple[str, str] | Callable[[Any], Any]] = {
    "project": ("accounts.project", "slug"),
    "name": ("serving.endpoint", "name"),
    "alias": ("models_registry.alias", "name"),
    "label": ("models_registry.alias", "name"),
    "version": ("models_registry.modelversion", "number"),
    "dataset-schema-activation:revision": ("datasets.datasetschema", "revision"),
    "version_id": ("datasets.datasetversion", "pk"),
    "model-version-exports:version_id": ("models_registry.modelversion", "pk"),
    "model-version-export:version_id": ("models_registry.modelversion", "pk"),
    "model-version-export-download:version_id": ("models_registry.modelversion", "pk"),
    "prediction_id": lambda _: UUID("0192f000-0000-7000-8000-000000000001"),
    "content_type_id": lambda world: world.content_type_id,
    "admin:view_on_site:object_id": ("jobs.job", "pk"),
    "app_label": lambda _: "jobs",
}

#: What a viewer may do although it is no reading.
VIEWERS_MAY: Mapping[str, str] = {
    "predict": "asking for predictions is part of the role",
    "predict-stream": "asking for predictions is part of the role",
    "sql": "a statement can only read: tests/datasets/test_sql.py",
    "api-token-revoke": "of their own tokens; for another's the row is not found",
}

#: What a viewer may not even read.
NOT_FOR_VIEWERS: Mapping[str, str] = {
    "audit-event-list": "the audit trail is for administrators",
}

#: Addresses whose row is not made by the walk; they answer 404 to everybody.
NOT_MADE: Mapping[str, str] = {
    "dataset-version-profile": "is there when somebody has asked for it: tests/datasets",
    "prediction-detail": "a prediction is in the log, not in the database: tests/serving/test_search.py",
    "prediction-lineage": "a prediction is in the log, not in the database: tests/serving/test_lineage.py",
}

#: Pages of the admin whose row is not made by the walk, or that lead to a page which says why they are not open.
ADMIN_NOT_SHOWN: Mapping[str, str] = {
    "admin:datasets_datasetversion_download": "a version that is being built has no rows to hand out",
    "admin:datasets_datasetversion_score": "a version that is being built has no rows to score",
    "admin:models_registry_modelversion_export": "a version that is pending is not exported",
    "admin:serving_modelexport_download": "an export that is being made has no archive: tests/serving/exports",
    "admin:models_registry_modelversion_score_rows": "a version that is pending scores nothing",
    "admin:serving_endpoint_prediction": "a prediction is in the log, not in the database: tests/serving/test_search.py",
}

#: Addresses that read although they are asked by POST: a token that only reads is enough.
READ_BY_POST: Mapping[str, str] = {
    "sql": "a statement can only read: tests/datasets/test_sql.py",
}

#: What has to follow the path before an answer can be found: a function of the world.
QUERIES: Mapping[str, Callable[[Any], str]] = {
    "run-artifact": lambda world: f"path={world.row_of('experiments.runartifact').path}",
}

#: What even the owner of everything is refused.
NOT_FOR_OWNERS: Mapping[str, str] = {
    "approval-approve": "takes a second person",
    "approval-reject": "takes a second person",
    "erasure-request-reject": "takes a second person",
}

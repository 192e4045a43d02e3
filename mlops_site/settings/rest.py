"""The REST API and its schema."""

from __future__ import annotations

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerTokenAuthentication",
        "accounts.api.authentication.ProjectSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasProjectPermission"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "core.api.ordering.ChosenOrderingFilter",
    ],
    "DEFAULT_RENDERER_CLASSES": ["core.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "core.api.parsers.StrictJSONParser",
        "core.api.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MLOps site",
    "DESCRIPTION": (
        "The whole life cycle of scikit-learn models: datasets, training, gates, registry, "
        "serving, monitoring and retraining."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "JobStatusEnum": "jobs.models.JobStatus",
        "DatasetVersionStatusEnum": "datasets.models.VersionStatus",
        "VersionComparisonStatusEnum": "datasets.models.ComparisonStatus",
        "ErasureStatusEnum": "datasets.models.ErasureStatus",
        "GrantLevelEnum": "datasets.models.GrantLevel",
        "RunStatusEnum": "experiments.models.RunStatus",
        "ModelVersionStatusEnum": "models_registry.models.VersionStatus",
        "ValidationEnum": "models_registry.models.Validation",
        "TaskEnum": "models_registry.models.Task",
        "GateKindEnum": "models_registry.models.Gate.Kind",
        "ApprovalStatusEnum": "models_registry.models.ApprovalRequest.Status",
        "EndpointStatusEnum": "serving.models.Endpoint.Status",
        "SourceKindEnum": "datasets.models.SourceKind",
        "SourceModeEnum": "datasets.models.SourceMode",
        "SourceRunOutcomeEnum": "datasets.models.RunOutcome",
        "ExportKindEnum": "serving.models.ModelExport.Kind",
        "ExportServerEnum": "serving.models.ModelExport.Server",
        "ExportStatusEnum": "serving.models.ModelExport.Status",
        "RolloutStatusEnum": "serving.models.Rollout.Status",
        "RolloutVerdictEnum": "serving.models.RolloutJudgement.Verdict",
        "FallbackEnum": "serving.models.Endpoint.Fallback",
        "DriftVerdictEnum": "monitoring.models.Verdict",
        "AlertStatusEnum": "monitoring.models.AlertStatus",
        "AlertKindEnum": "monitoring.models.Alert.Kind",
        "RetrainVerdictEnum": "retraining.models.RetrainVerdict",
        "RetrainTriggerEnum": "retraining.models.Trigger",
        "RoleEnum": "accounts.models.Role",
        "ColumnRoleEnum": "datasets.schema.Role",
        "CheckVerdictEnum": "datasets.models.Verdict",
        "CheckSeverityEnum": "datasets.models.Severity",
        "CheckKindEnum": "datasets.models.checks.KIND_CHOICES",
        "ScopeEnum": "accounts.models.Scope",
    },
}

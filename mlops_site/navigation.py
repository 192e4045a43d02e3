"""The menu of the admin: the rooms in the order of the life cycle."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy


def is_dataset_page(request: HttpRequest) -> bool:
    """Whether a page of a dataset is shown; that of SQL has an entry of its own."""
    is_sql = request.path.startswith(reverse("admin:datasets_dataset_sql"))
    return request.path.startswith(reverse("admin:datasets_dataset_changelist")) and not is_sql


def is_endpoint_page(request: HttpRequest) -> bool:
    """Whether a page of an endpoint is shown; the search for predictions has an entry of its own."""
    is_search = request.path.startswith(reverse("admin:serving_endpoint_predictions"))
    return request.path.startswith(reverse("admin:serving_endpoint_changelist")) and not is_search


NAVIGATION: list[dict[str, Any]] = [
    {
        "title": "Overview",
        "items": [
            {
                "title": "Dashboard",
                "icon": "dashboard",
                "link": reverse_lazy("admin:index"),
            },
            {
                "title": "Jobs",
                "icon": "pending_actions",
                "link": reverse_lazy("admin:jobs_job_changelist"),
            },
            {
                "title": "Alerts",
                "icon": "notifications",
                "link": reverse_lazy("admin:monitoring_alert_changelist"),
            },
        ],
    },
    {
        "title": "Data",
        "separator": True,
        "items": [
            {
                "title": "Datasets",
                "icon": "database",
                "link": reverse_lazy("admin:datasets_dataset_changelist"),
                "active": "mlops_site.navigation.is_dataset_page",
            },
            {
                "title": "Sources",
                "icon": "input",
                "link": reverse_lazy("admin:datasets_source_changelist"),
            },
            {
                "title": "Dataset versions",
                "icon": "layers",
                "link": reverse_lazy("admin:datasets_datasetversion_changelist"),
            },
            {
                "title": "Data checks",
                "icon": "rule",
                "link": reverse_lazy("admin:datasets_datacheck_changelist"),
            },
            {
                "title": "SQL",
                "icon": "terminal",
                "link": reverse_lazy("admin:datasets_dataset_sql"),
            },
            {
                "title": "Comparisons",
                "icon": "difference",
                "link": reverse_lazy("admin:datasets_versioncomparison_changelist"),
            },
            {
                "title": "Retention",
                "icon": "auto_delete",
                "link": reverse_lazy("admin:datasets_retentionpolicy_changelist"),
            },
            {
                "title": "Sharing",
                "icon": "share",
                "link": reverse_lazy("admin:datasets_datasetgrant_changelist"),
            },
            {
                "title": "Erasures",
                "icon": "person_remove",
                "link": reverse_lazy("admin:datasets_erasurerequest_changelist"),
            },
        ],
    },
    {
        "title": "Development",
        "separator": True,
        "items": [
            {
                "title": "Recipes",
                "icon": "blender",
                "link": reverse_lazy("admin:datasets_recipe_changelist"),
            },
            {
                "title": "Training runs",
                "icon": "model_training",
                "link": reverse_lazy("admin:training_trainingrun_changelist"),
            },
            {
                "title": "Experiments",
                "icon": "science",
                "link": reverse_lazy("admin:experiments_experiment_changelist"),
            },
            {
                "title": "Runs",
                "icon": "list_alt",
                "link": reverse_lazy("admin:experiments_run_changelist"),
            },
        ],
    },
    {
        "title": "Models",
        "separator": True,
        "items": [
            {
                "title": "Registered models",
                "icon": "inventory_2",
                "link": reverse_lazy("admin:models_registry_registeredmodel_changelist"),
            },
            {
                "title": "Model versions",
                "icon": "deployed_code",
                "link": reverse_lazy("admin:models_registry_modelversion_changelist"),
            },
            {
                "title": "Approvals",
                "icon": "how_to_reg",
                "link": reverse_lazy("admin:models_registry_approvalrequest_changelist"),
            },
            {
                "title": "Exports",
                "icon": "ios_share",
                "link": reverse_lazy("admin:serving_modelexport_changelist"),
            },
        ],
    },
    {
        "title": "Production",
        "separator": True,
        "items": [
            {
                "title": "Endpoints",
                "icon": "api",
                "link": reverse_lazy("admin:serving_endpoint_changelist"),
                "active": "mlops_site.navigation.is_endpoint_page",
            },
            {
                "title": "Deployments",
                "icon": "rocket_launch",
                "link": reverse_lazy("admin:serving_deployment_changelist"),
            },
            {
                "title": "Predictions",
                "icon": "manage_search",
                "link": reverse_lazy("admin:serving_endpoint_predictions"),
            },
            {
                "title": "Rollouts",
                "icon": "trending_up",
                "link": reverse_lazy("admin:serving_rollout_changelist"),
            },
            {
                "title": "Batch scorings",
                "icon": "table_view",
                "link": reverse_lazy("admin:serving_batchscoring_changelist"),
            },
            {
                "title": "Drift reports",
                "icon": "monitoring",
                "link": reverse_lazy("admin:monitoring_driftreport_changelist"),
            },
            {
                "title": "Ground truth",
                "icon": "fact_check",
                "link": reverse_lazy("admin:monitoring_groundtruth_changelist"),
            },
            {
                "title": "Monitoring policies",
                "icon": "policy",
                "link": reverse_lazy("admin:monitoring_monitoringpolicy_changelist"),
            },
        ],
    },
    {
        "title": "Retraining",
        "separator": True,
        "items": [
            {
                "title": "Retrain policies",
                "icon": "autorenew",
                "link": reverse_lazy("admin:retraining_retrainpolicy_changelist"),
            },
            {
                "title": "Decisions",
                "icon": "gavel",
                "link": reverse_lazy("admin:retraining_retraindecision_changelist"),
            },
            {
                "title": "Schedules",
                "icon": "schedule",
                "link": reverse_lazy("admin:django_celery_beat_periodictask_changelist"),
            },
        ],
    },
    {
        "title": "Access",
        "separator": True,
        "items": [
            {
                "title": "Projects",
                "icon": "folder_shared",
                "link": reverse_lazy("admin:accounts_project_changelist"),
            },
            {
                "title": "Users",
                "icon": "person",
                "link": reverse_lazy("admin:auth_user_changelist"),
            },
            {
                "title": "API tokens",
                "icon": "key",
                "link": reverse_lazy("admin:accounts_apitoken_changelist"),
            },
            {
                "title": "Audit trail",
                "icon": "history",
                "link": reverse_lazy("admin:accounts_auditevent_changelist"),
            },
        ],
    },
]

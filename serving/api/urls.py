"""Addresses of the serving API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from serving.api.batch_scorings import BatchScoringViewSet
from serving.api.exports import (
    ExportDownloadView,
    ModelVersionExportsView,
    ModelVersionExportView,
)
from serving.api.predicting import PredictView
from serving.api.predictions import PredictionListView, PredictionView
from serving.api.rollouts import RolloutViewSet
from serving.api.streams import PredictStreamView
from serving.api.traffic import DeploymentViewSet, EndpointTrafficViewSet
from serving.api.views import EndpointViewSet, PredictionLineageView

router = SimpleRouter()
router.register("endpoints", EndpointViewSet, basename="endpoint")
router.register("endpoints", EndpointTrafficViewSet, basename="endpoint-traffic")
router.register("deployments", DeploymentViewSet, basename="deployment")
router.register("rollouts", RolloutViewSet, basename="rollout")
router.register("batch-scorings", BatchScoringViewSet, basename="batch-scoring")

urlpatterns = [
    path("endpoints/<str:name>/predict/", PredictView.as_view(), name="predict"),
    path(
        "endpoints/<str:name>/predict-stream/", PredictStreamView.as_view(), name="predict-stream"
    ),
    path("predictions/", PredictionListView.as_view(), name="prediction-list"),
    path("predictions/<uuid:prediction_id>/", PredictionView.as_view(), name="prediction-detail"),
    path(
        "predictions/<uuid:prediction_id>/lineage/",
        PredictionLineageView.as_view(),
        name="prediction-lineage",
    ),
    path(
        "model-versions/<int:version_id>/exports/",
        ModelVersionExportsView.as_view(),
        name="model-version-exports",
    ),
    path(
        "model-versions/<int:version_id>/exports/<int:pk>/",
        ModelVersionExportView.as_view(),
        name="model-version-export",
    ),
    path(
        "model-versions/<int:version_id>/exports/<int:pk>/download/",
        ExportDownloadView.as_view(),
        name="model-version-export-download",
    ),
    *router.urls,
]

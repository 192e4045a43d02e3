"""Addresses of the datasets API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from datasets.api.views import (
    DatasetGrantViewSet,
    DatasetVersionsView,
    DatasetVersionViewSet,
    DatasetViewSet,
)
from datasets.api.views.profiles import VersionProfileView
from datasets.api.views.schemas import (
    DatasetSchemaActivationView,
    DatasetSchemaHistoryView,
    DatasetSchemaView,
)

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="dataset-version")
router.register("dataset-grants", DatasetGrantViewSet, basename="dataset-grant")

urlpatterns = [
    *router.urls,
    path(
        "dataset-versions/<int:version_id>/profile/",
        VersionProfileView.as_view(),
        name="dataset-version-profile",
    ),
    path(
        "datasets/<int:dataset_id>/versions/",
        DatasetVersionsView.as_view(),
        name="dataset-versions",
    ),
    path("datasets/<int:dataset_id>/schema/", DatasetSchemaView.as_view(), name="dataset-schema"),
    path(
        "datasets/<int:dataset_id>/schema/history/",
        DatasetSchemaHistoryView.as_view(),
        name="dataset-schema-history",
    ),
    path(
        "datasets/<int:dataset_id>/schema/history/<int:revision>/activate/",
        DatasetSchemaActivationView.as_view(),
        name="dataset-schema-activation",
    ),
]

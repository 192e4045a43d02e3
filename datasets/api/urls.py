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

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="dataset-version")
router.register("dataset-grants", DatasetGrantViewSet, basename="dataset-grant")

urlpatterns = [
    *router.urls,
    path(
        "datasets/<int:dataset_id>/versions/",
        DatasetVersionsView.as_view(),
        name="dataset-versions",
    ),
]

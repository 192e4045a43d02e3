"""Addresses of the training API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from training.api.views import EstimatorCatalogueView, TrainingRunViewSet

router = SimpleRouter()
router.register("training-runs", TrainingRunViewSet, basename="training-run")

urlpatterns = [
    *router.urls,
    path("estimators/", EstimatorCatalogueView.as_view(), name="estimator-list"),
]

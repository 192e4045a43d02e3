"""Addresses of the experiments API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from experiments.api.views import ExperimentViewSet, RunViewSet

router = SimpleRouter()
router.register("experiments", ExperimentViewSet, basename="experiment")
router.register("runs", RunViewSet, basename="run")

urlpatterns = router.urls

"""Addresses of the model registry's API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from models_registry.api.views import (
    ApprovalViewSet,
    GateViewSet,
    ModelVersionViewSet,
    RegisteredModelViewSet,
)

router = SimpleRouter()
router.register("models", RegisteredModelViewSet, basename="model")
router.register("model-versions", ModelVersionViewSet, basename="model-version")
router.register("gates", GateViewSet, basename="gate")
router.register("approvals", ApprovalViewSet, basename="approval")

urlpatterns = router.urls

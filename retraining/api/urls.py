"""Addresses of the retraining API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from retraining.api.views import RetrainDecisionViewSet, RetrainPolicyViewSet

router = SimpleRouter()
router.register("retrain-policies", RetrainPolicyViewSet, basename="retrain-policy")
router.register("retrain-decisions", RetrainDecisionViewSet, basename="retrain-decision")

urlpatterns = router.urls

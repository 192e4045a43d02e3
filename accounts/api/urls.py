"""Addresses of the accounts API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from accounts.api.views import (
    ApiTokenViewSet,
    AuditEventViewSet,
    MembershipViewSet,
    ProjectViewSet,
)

router = SimpleRouter()
router.register("projects", ProjectViewSet, basename="project")
router.register("memberships", MembershipViewSet, basename="membership")
router.register("tokens", ApiTokenViewSet, basename="api-token")
router.register("audit-events", AuditEventViewSet, basename="audit-event")

urlpatterns = router.urls

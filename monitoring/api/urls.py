"""Addresses of the monitoring API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from monitoring.api.views import (
    AlertViewSet,
    DriftReportViewSet,
    EndpointDriftReportsView,
    GroundTruthView,
    MonitoringPolicyView,
)

router = SimpleRouter()
router.register("drift-reports", DriftReportViewSet, basename="drift-report")
router.register("alerts", AlertViewSet, basename="alert")

urlpatterns = [
    path("ground-truth/", GroundTruthView.as_view(), name="ground-truth"),
    path(
        "endpoints/<str:name>/drift-reports/",
        EndpointDriftReportsView.as_view(),
        name="endpoint-drift-reports",
    ),
    path(
        "endpoints/<str:name>/monitoring-policy/",
        MonitoringPolicyView.as_view(),
        name="monitoring-policy",
    ),
    *router.urls,
]

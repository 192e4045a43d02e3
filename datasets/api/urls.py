"""Addresses of the datasets API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from datasets.api.views import (
    DatasetGrantViewSet,
    DatasetVersionAtView,
    DatasetVersionDownloadView,
    DatasetVersionRowsView,
    DatasetVersionsView,
    DatasetVersionViewSet,
    DatasetViewSet,
    SqlTablesView,
    SqlView,
)
from datasets.api.views.checks import (
    CheckResultsView,
    CheckSuggestionsView,
    CheckVersionView,
    DataCheckKindsView,
    DataCheckViewSet,
    WaiveChecksView,
)
from datasets.api.views.comparisons import ComparisonView, DatasetComparisonsView
from datasets.api.views.erasures import ErasureRequestViewSet, VerifyVersionView
from datasets.api.views.profiles import VersionProfileView
from datasets.api.views.quarantine import VersionQuarantineView
from datasets.api.views.recipes import RecipeStepKindsView, RecipeViewSet
from datasets.api.views.retention import (
    CompactionView,
    RetentionPoliciesView,
    RetentionPolicyView,
    RetentionPreviewView,
    RetentionRunView,
    VersionHoldView,
)
from datasets.api.views.schemas import (
    DatasetSchemaActivationView,
    DatasetSchemaHistoryView,
    DatasetSchemaView,
)
from datasets.api.views.sources import SourceViewSet

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="dataset-version")
router.register("dataset-grants", DatasetGrantViewSet, basename="dataset-grant")
router.register("data-checks", DataCheckViewSet, basename="data-check")
router.register("recipes", RecipeViewSet, basename="recipe")
router.register("erasure-requests", ErasureRequestViewSet, basename="erasure-request")
router.register("sources", SourceViewSet, basename="source")

urlpatterns = [
    path("data-check-kinds/", DataCheckKindsView.as_view(), name="data-check-kinds"),
    path(
        "datasets/<int:dataset_id>/check-suggestions/",
        CheckSuggestionsView.as_view(),
        name="check-suggestions",
    ),
    path(
        "dataset-versions/<int:version_id>/check-results/",
        CheckResultsView.as_view(),
        name="check-results",
    ),
    path(
        "dataset-versions/<int:version_id>/check/",
        CheckVersionView.as_view(),
        name="check-version",
    ),
    path(
        "dataset-versions/<int:version_id>/waive/",
        WaiveChecksView.as_view(),
        name="waive-checks",
    ),
    *router.urls,
    path("recipe-steps/", RecipeStepKindsView.as_view(), name="recipe-steps"),
    path(
        "dataset-versions/<int:version_id>/profile/",
        VersionProfileView.as_view(),
        name="dataset-version-profile",
    ),
    path(
        "dataset-versions/<int:version_id>/quarantine/",
        VersionQuarantineView.as_view(),
        name="dataset-version-quarantine",
    ),
    path(
        "dataset-versions/<int:version_id>/hold/",
        VersionHoldView.as_view(),
        name="dataset-version-hold",
    ),
    path(
        "dataset-versions/<int:version_id>/verify/",
        VerifyVersionView.as_view(),
        name="dataset-version-verify",
    ),
    path("retention-policies/", RetentionPoliciesView.as_view(), name="retention-policies"),
    path(
        "datasets/<int:dataset_id>/retention/",
        RetentionPolicyView.as_view(),
        name="dataset-retention",
    ),
    path(
        "datasets/<int:dataset_id>/retention/preview/",
        RetentionPreviewView.as_view(),
        name="dataset-retention-preview",
    ),
    path(
        "datasets/<int:dataset_id>/retention/run/",
        RetentionRunView.as_view(),
        name="dataset-retention-run",
    ),
    path(
        "datasets/<int:dataset_id>/compact/",
        CompactionView.as_view(),
        name="dataset-compact",
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
    path(
        "datasets/<int:dataset_id>/versions/at/",
        DatasetVersionAtView.as_view(),
        name="dataset-version-at",
    ),
    path(
        "dataset-versions/<int:pk>/rows/",
        DatasetVersionRowsView.as_view(),
        name="dataset-version-rows",
    ),
    path(
        "dataset-versions/<int:pk>/download/",
        DatasetVersionDownloadView.as_view(),
        name="dataset-version-download",
    ),
    path(
        "datasets/<int:dataset_id>/comparisons/",
        DatasetComparisonsView.as_view(),
        name="dataset-comparisons",
    ),
    path("version-comparisons/<int:pk>/", ComparisonView.as_view(), name="version-comparison"),
    path("sql/", SqlView.as_view(), name="sql"),
    path("sql/tables/", SqlTablesView.as_view(), name="sql-tables"),
]

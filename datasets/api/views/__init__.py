"""The API of datasets: make them, upload files, look at versions and rows."""

from __future__ import annotations

from datasets.api.views.datasets import DatasetViewSet
from datasets.api.views.rows import (
    DatasetVersionAtView,
    DatasetVersionDownloadView,
    DatasetVersionRowsView,
)
from datasets.api.views.sharing import DatasetGrantViewSet
from datasets.api.views.sources import SourceViewSet
from datasets.api.views.sql import SqlTablesView, SqlView
from datasets.api.views.versions import DatasetVersionsView, DatasetVersionViewSet

__all__ = [
    "DatasetGrantViewSet",
    "DatasetVersionAtView",
    "DatasetVersionDownloadView",
    "DatasetVersionRowsView",
    "DatasetVersionViewSet",
    "DatasetVersionsView",
    "DatasetViewSet",
    "SourceViewSet",
    "SqlTablesView",
    "SqlView",
]

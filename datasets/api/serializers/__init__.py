"""The datasets room on the wire."""

from __future__ import annotations

from datasets.api.serializers.datasets import (
    DatasetChangeRequestSerializer,
    DatasetRequestSerializer,
    DatasetSerializer,
)
from datasets.api.serializers.sharing import DatasetGrantRequestSerializer, DatasetGrantSerializer
from datasets.api.serializers.versions import (
    DatasetRowsRequestSerializer,
    DatasetRowsSerializer,
    DatasetUploadRequestSerializer,
    DatasetVersionSerializer,
    DatasetVersionSummarySerializer,
)

__all__ = [
    "DatasetChangeRequestSerializer",
    "DatasetGrantRequestSerializer",
    "DatasetGrantSerializer",
    "DatasetRequestSerializer",
    "DatasetRowsRequestSerializer",
    "DatasetRowsSerializer",
    "DatasetSerializer",
    "DatasetUploadRequestSerializer",
    "DatasetVersionSerializer",
    "DatasetVersionSummarySerializer",
]

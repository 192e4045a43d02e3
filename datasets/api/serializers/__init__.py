"""The datasets room on the wire."""

from __future__ import annotations

from datasets.api.serializers.datasets import (
    DatasetChangeRequestSerializer,
    DatasetRequestSerializer,
    DatasetSerializer,
)
from datasets.api.serializers.rows import (
    DatasetDownloadRequestSerializer,
    DatasetRowsRequestSerializer,
    DatasetRowsSerializer,
    DatasetVersionAtRequestSerializer,
    SqlRequestSerializer,
    SqlResultSerializer,
    SqlTableSerializer,
)
from datasets.api.serializers.sharing import DatasetGrantRequestSerializer, DatasetGrantSerializer
from datasets.api.serializers.versions import (
    DatasetUploadRequestSerializer,
    DatasetVersionSerializer,
    DatasetVersionSummarySerializer,
)

__all__ = [
    "DatasetChangeRequestSerializer",
    "DatasetDownloadRequestSerializer",
    "DatasetGrantRequestSerializer",
    "DatasetGrantSerializer",
    "DatasetRequestSerializer",
    "DatasetRowsRequestSerializer",
    "DatasetRowsSerializer",
    "DatasetSerializer",
    "DatasetUploadRequestSerializer",
    "DatasetVersionAtRequestSerializer",
    "DatasetVersionSerializer",
    "DatasetVersionSummarySerializer",
    "SqlRequestSerializer",
    "SqlResultSerializer",
    "SqlTableSerializer",
]

"""Datasets and their immutable versions."""

from __future__ import annotations

from datasets.models.datasets import Dataset
from datasets.models.versions import NEXT_STATUSES, DatasetVersion, VersionStatus

__all__ = ["NEXT_STATUSES", "Dataset", "DatasetVersion", "VersionStatus"]

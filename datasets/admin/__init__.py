"""Datasets in the admin: upload, versions with their profiles, a look at the rows."""

from __future__ import annotations

from datasets.admin.checks import DataCheckAdmin
from datasets.admin.comparisons import VersionComparisonAdmin
from datasets.admin.datasets import DatasetAdmin
from datasets.admin.erasures import ErasureRequestAdmin
from datasets.admin.recipes import RecipeAdmin
from datasets.admin.retention import RetentionPolicyAdmin
from datasets.admin.sharing import DatasetGrantAdmin
from datasets.admin.sources import SourceAdmin
from datasets.admin.versions import DatasetVersionAdmin

__all__ = [
    "DataCheckAdmin",
    "DatasetAdmin",
    "DatasetGrantAdmin",
    "DatasetVersionAdmin",
    "ErasureRequestAdmin",
    "RecipeAdmin",
    "RetentionPolicyAdmin",
    "SourceAdmin",
    "VersionComparisonAdmin",
]

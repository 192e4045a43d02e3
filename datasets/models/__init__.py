"""Datasets, their immutable versions, and who else may use them."""

from __future__ import annotations

from datasets.models.checks import CheckResult, DataCheck, Severity, Verdict, VersionBlock
from datasets.models.comparisons import (
    NEXT_COMPARISON_STATUSES,
    ComparisonStatus,
    VersionComparison,
)
from datasets.models.datasets import Dataset
from datasets.models.erasure import (
    NEXT_ERASURE_STATUSES,
    ErasureRequest,
    ErasureStatus,
    VersionErasure,
)
from datasets.models.grants import LEVEL_USES, DatasetGrant, GrantLevel, Use
from datasets.models.profiles import VersionProfile
from datasets.models.recipes import Recipe, RecipeRevision
from datasets.models.retention import RetentionPolicy
from datasets.models.schemas import DatasetSchema
from datasets.models.sources import (
    NEXT_OUTCOMES,
    BadRows,
    RunOutcome,
    Source,
    SourceKind,
    SourceMode,
    SourceRun,
)
from datasets.models.versions import NEXT_STATUSES, DatasetVersion, VersionStatus

__all__ = [
    "LEVEL_USES",
    "NEXT_COMPARISON_STATUSES",
    "NEXT_ERASURE_STATUSES",
    "NEXT_OUTCOMES",
    "NEXT_STATUSES",
    "BadRows",
    "CheckResult",
    "ComparisonStatus",
    "DataCheck",
    "Dataset",
    "DatasetGrant",
    "DatasetSchema",
    "DatasetVersion",
    "ErasureRequest",
    "ErasureStatus",
    "GrantLevel",
    "Recipe",
    "RecipeRevision",
    "RetentionPolicy",
    "RunOutcome",
    "Severity",
    "Source",
    "SourceKind",
    "SourceMode",
    "SourceRun",
    "Use",
    "Verdict",
    "VersionBlock",
    "VersionComparison",
    "VersionErasure",
    "VersionProfile",
    "VersionStatus",
]

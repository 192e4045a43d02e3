"""What both kinds of export have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DomainError
from models_registry.loading import reference_frame
from models_registry.models import ModelVersion
from models_registry.signatures import Columns, Signature, columns_from_frame
from serving.exporting.manifests import Named
from serving.exporting.naming import served_name
from serving.exporting.rows import kinds_of_rows

#: Rows of each kind that an archive is asked with.
ROWS_OF_A_KIND = 50


@dataclass(frozen=True, slots=True)
class Made:
    """An archive that was tried.

    Attributes
    ----------
    smoke_test
        JSON-compatible; ``passed`` and ``problems`` are always there.
    """

    archive: Path
    smoke_test: Mapping[str, Any]


def named(version: ModelVersion) -> Named:
    """Return what addresses and manifests call a version."""
    return Named(served_name(version.model.name), version.number, version.artifact_digest)


def rows_to_ask(version: ModelVersion, signature: Signature, *, count: int) -> dict[str, Columns]:
    """Return rows of several kinds; they are asked with on this machine, and are in no archive."""
    rng = np.random.default_rng(version.seed % 2**32)
    return kinds_of_rows(signature, _reference_rows(version, signature), rng, count=count)


def _reference_rows(version: ModelVersion, signature: Signature) -> Columns | None:
    """Return rows as the model saw them in training; None when none are kept, or they cannot be read."""
    if not version.reference_digest:
        return None
    try:
        frame = reference_frame(version)
    except DomainError:
        return None
    return columns_from_frame(signature, frame.head(1000))

"""Fitted pipelines as files that can be opened without trusting whoever wrote them."""

from __future__ import annotations

from models_registry.artifacts.pipelines import (
    TRUSTED_TYPES,
    ArtifactUnreadable,
    UntrustedArtifact,
    dump_pipeline,
    load_pipeline,
)

__all__ = [
    "TRUSTED_TYPES",
    "ArtifactUnreadable",
    "UntrustedArtifact",
    "dump_pipeline",
    "load_pipeline",
]

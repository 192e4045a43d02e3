"""Writes of the model registry that a person or a client asks for."""

from __future__ import annotations

from models_registry.recording import record_validation
from models_registry.services.approvals import decide_approval, request_approval
from models_registry.services.promotion import promote, rollback
from models_registry.services.registration import (
    VersionArtifact,
    add_gate,
    get_or_create_model,
    move_version,
    quarantine,
    register_version,
    release,
    request_evaluation,
    retire,
    waive,
)

__all__ = [
    "VersionArtifact",
    "add_gate",
    "decide_approval",
    "get_or_create_model",
    "move_version",
    "promote",
    "quarantine",
    "record_validation",
    "register_version",
    "release",
    "request_approval",
    "request_evaluation",
    "retire",
    "rollback",
    "waive",
]

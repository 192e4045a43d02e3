"""Writes of the model registry that a person or a client asks for."""

from __future__ import annotations

from models_registry.recording import record_validation
from models_registry.registering import VersionArtifact, register_version
from models_registry.services.approvals import (
    decide_approval,
    request_approval,
    withdraw_approval,
)
from models_registry.services.gates import add_gate, change_gate, remove_gate
from models_registry.services.promotion import promote, remove_alias, rollback
from models_registry.services.registration import get_or_create_model, update_model
from models_registry.services.statuses import move_version, quarantine, release, retire
from models_registry.services.uploads import upload_model
from models_registry.services.validation import request_evaluation, waive

__all__ = [
    "VersionArtifact",
    "add_gate",
    "change_gate",
    "decide_approval",
    "get_or_create_model",
    "move_version",
    "promote",
    "quarantine",
    "record_validation",
    "register_version",
    "release",
    "remove_alias",
    "remove_gate",
    "request_approval",
    "request_evaluation",
    "retire",
    "rollback",
    "update_model",
    "upload_model",
    "waive",
    "withdraw_approval",
]

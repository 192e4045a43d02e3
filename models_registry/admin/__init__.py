"""The model registry in the admin: models, versions, approvals, and the history of aliases."""

from __future__ import annotations

from models_registry.admin.approvals import ApprovalRequestAdmin
from models_registry.admin.history import AliasAdmin, AliasMoveAdmin, GateResultAdmin
from models_registry.admin.registered_models import RegisteredModelAdmin
from models_registry.admin.versions import ModelVersionAdmin

__all__ = [
    "AliasAdmin",
    "AliasMoveAdmin",
    "ApprovalRequestAdmin",
    "GateResultAdmin",
    "ModelVersionAdmin",
    "RegisteredModelAdmin",
]

"""Writes of the datasets room that a person or a client asks for."""

from __future__ import annotations

from datasets.services.checks import (
    accept_suggestions,
    change_check,
    create_check,
    delete_check,
    request_checks,
    suggestions_for,
    waive_checks,
)
from datasets.services.comparisons import compare_versions
from datasets.services.datasets import create_dataset, delete_dataset, update_dataset
from datasets.services.erasure import (
    confirm_erasure,
    reject_erasure,
    request_erasure,
    resume_erasure,
    search_again,
    verify_version,
    withdraw_erasure,
)
from datasets.services.exploring import FILE_TYPES, download_version, run_sql
from datasets.services.ingestion import MODES, upload_version
from datasets.services.profiles import profile_version
from datasets.services.recipes import (
    clone_recipe,
    create_recipe,
    delete_recipe,
    revise_recipe,
    update_recipe,
)
from datasets.services.retention import (
    compact_dataset,
    delete_retention_policy,
    hold_version,
    preview_retention,
    release_version,
    run_retention,
    set_retention_policy,
)
from datasets.services.schemas import activate_schema, edit_schema, release_schema
from datasets.services.sharing import grant_dataset, revoke_grant
from datasets.services.source_terms import SourceTerms
from datasets.services.sources import (
    SourceLook,
    change_source,
    check_source,
    create_source,
    delete_source,
    reset_source,
    run_source,
    set_source_enabled,
)
from datasets.services.versions import archive_version, record_version, restore_version

__all__ = [
    "FILE_TYPES",
    "MODES",
    "SourceLook",
    "SourceTerms",
    "accept_suggestions",
    "activate_schema",
    "archive_version",
    "change_check",
    "change_source",
    "check_source",
    "clone_recipe",
    "compact_dataset",
    "compare_versions",
    "confirm_erasure",
    "create_check",
    "create_dataset",
    "create_recipe",
    "create_source",
    "delete_check",
    "delete_dataset",
    "delete_recipe",
    "delete_retention_policy",
    "delete_source",
    "download_version",
    "edit_schema",
    "grant_dataset",
    "hold_version",
    "preview_retention",
    "profile_version",
    "record_version",
    "reject_erasure",
    "release_schema",
    "release_version",
    "request_checks",
    "request_erasure",
    "reset_source",
    "restore_version",
    "resume_erasure",
    "revise_recipe",
    "revoke_grant",
    "run_retention",
    "run_source",
    "run_sql",
    "search_again",
    "set_retention_policy",
    "set_source_enabled",
    "suggestions_for",
    "update_dataset",
    "update_recipe",
    "upload_version",
    "verify_version",
    "waive_checks",
    "withdraw_erasure",
]

"""Writes of the datasets room that a person or a client asks for."""

from __future__ import annotations

from datasets.services.comparisons import compare_versions
from datasets.services.datasets import create_dataset, delete_dataset, update_dataset
from datasets.services.exploring import FILE_TYPES, download_version, run_sql
from datasets.services.ingestion import MODES, upload_version
from datasets.services.profiles import profile_version
from datasets.services.schemas import activate_schema, edit_schema, release_schema
from datasets.services.sharing import grant_dataset, revoke_grant
from datasets.services.versions import archive_version, record_version, restore_version

__all__ = [
    "FILE_TYPES",
    "MODES",
    "activate_schema",
    "archive_version",
    "compare_versions",
    "create_dataset",
    "delete_dataset",
    "download_version",
    "edit_schema",
    "grant_dataset",
    "profile_version",
    "record_version",
    "release_schema",
    "restore_version",
    "revoke_grant",
    "run_sql",
    "update_dataset",
    "upload_version",
]

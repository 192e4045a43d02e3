"""Reads of the datasets room.

Whether a caller may reach a dataset is asked in :mod:`datasets.selectors.sharing`
(``datasets_visible_to``, ``versions_visible_to``, ``require_use``).
"""

from __future__ import annotations

from datasets.selectors.datasets import (
    datasets_with_counts,
    earlier_versions_building,
    latest_ready_version,
    ready_versions,
    what_uses,
)
from datasets.selectors.moments import sql_name, version_at, version_named, version_numbered
from datasets.selectors.recipes import (
    find_revision,
    newest_revision,
    recipes_with_newest,
    revisions_of,
)
from datasets.selectors.schemas import (
    active_schema,
    active_schema_row,
    is_held_to_active_schema,
    schema_to_edit,
)
from datasets.selectors.sharing import (
    datasets_usable_in,
    datasets_visible_to,
    grants_for,
    grants_in_force,
    may_use,
    require_use,
    uses_of,
    versions_visible_to,
    with_grants,
)

__all__ = [
    "active_schema",
    "active_schema_row",
    "datasets_usable_in",
    "datasets_visible_to",
    "datasets_with_counts",
    "earlier_versions_building",
    "find_revision",
    "grants_for",
    "grants_in_force",
    "is_held_to_active_schema",
    "latest_ready_version",
    "may_use",
    "newest_revision",
    "ready_versions",
    "recipes_with_newest",
    "require_use",
    "revisions_of",
    "schema_to_edit",
    "sql_name",
    "uses_of",
    "version_at",
    "version_named",
    "version_numbered",
    "versions_visible_to",
    "what_uses",
    "with_grants",
]

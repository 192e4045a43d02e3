"""Putting small files together, and removing those that no pinned version needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from datasets.errors import LakeCorrupt
from datasets.lake.tables import open_table

SMALL_BYTES = 32 * 1024**2
FEWEST_SMALL_FILES = 8


@dataclass(frozen=True, slots=True)
class Compaction:
    """The Delta version with the small files put together, and how many files there were and are."""

    delta_version: int
    files_before: int
    files_after: int


def pinned_files(path: str, delta_version: int) -> dict[str, int]:
    """Return the files of a pinned version with their sizes in bytes."""
    table = open_table(path, version=delta_version)
    if table is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    actions = pa.table(table.get_add_actions(flatten=True))
    return dict(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))


def compact_pinned(path: str, delta_version: int) -> Compaction | None:
    """Write the state of a pinned version in fewer files, as a new Delta version.

    The pinned version keeps its files and stays as it is. Nothing happens (None) when there are fewer
    than 8 files below 32 MB, when the table has moved on from the pinned state (somebody is
    writing), or when another writer commits first.
    """
    from deltalake import PostCommitHookProperties
    from deltalake.exceptions import CommitFailedError

    table = open_table(path)
    if table is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    before = pinned_files(path, delta_version)
    small = [size for size in before.values() if size < SMALL_BYTES]
    if len(small) < FEWEST_SMALL_FILES or before != pinned_files(path, int(table.version())):
        return None
    try:
        table.optimize.compact(
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False)
        )
    except CommitFailedError:
        return None
    made = int(table.version())
    after = pinned_files(path, made)
    if after.keys() == before.keys():
        return None
    return Compaction(made, len(before), len(after))


def remove_unpinned_files(
    path: str, pinned: Collection[int], *, grace_hours: int
) -> tuple[str, ...]:
    """Delete the files that neither a pinned version nor the table's latest state needs.

    Parameters
    ----------
    pinned
        Delta versions whose files stay.
    grace_hours
        Files that were written, or left out of the table, within this time stay: a job may be about to pin
        them.

    Returns
    -------
    tuple of str
        The files that were deleted.
    """
    from deltalake import PostCommitHookProperties

    table = open_table(path)
    if table is None:
        return ()
    gone = table.vacuum(
        retention_hours=grace_hours,
        dry_run=False,
        enforce_retention_duration=False,
        keep_versions=sorted(set(pinned)),
        full=True,
        post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
    )
    return tuple(gone)

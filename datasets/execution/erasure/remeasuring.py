"""Digest and profile of the rows that are left, taken from the lake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datasets import lake
from datasets.digest import RowsDigest, digest_batches
from datasets.profile import ProfileNote, TableStream
from datasets.schema import Schema


@dataclass(frozen=True, slots=True)
class Measured:
    """What a version says about its rows."""

    row_count: int
    size_bytes: int
    sha256: str
    profile: dict[str, Any]


def digest_of(path: str, delta_version: int, schema: Schema) -> str:
    """Return the digest of a pinned version's rows, read again from the lake."""
    return digest_batches(schema, lake.iter_pinned(path, delta_version, schema))


def measure(
    path: str,
    delta_version: int,
    schema: Schema,
    *,
    notes: list[ProfileNote],
    tell: Callable[[], None],
) -> Measured:
    """Take digest and profile of a pinned version's rows in one passage."""
    digest = RowsDigest(schema)
    profile = TableStream(schema)
    for batch in lake.iter_pinned(path, delta_version, schema):
        digest.update(batch)
        profile.update(batch)
        tell()
    return Measured(
        row_count=profile.row_count,
        size_bytes=lake.pinned_size_bytes(path, delta_version),
        sha256=digest.hexdigest(),
        profile=profile.profile(notes).to_dict(),
    )

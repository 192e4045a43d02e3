"""Are the files of an exported folder those that were exported? Needs nothing but Python."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

SUMS = "SHA256SUMS"
#: What running a server leaves behind, and no file of the folder.
_IGNORED = frozenset({"__pycache__"})


class BundleDamaged(Exception):
    """A file is missing, was changed, or does not belong to the folder."""


def check_digests(folder: Path) -> Mapping[str, str]:
    """Return the digest of each file (by its path from ``folder``), after all were checked.

    Raises
    ------
    BundleDamaged
        A file is missing, has another SHA-256 than ``SHA256SUMS`` says, or is not named there.
    """
    listed = dict(_listed(folder))
    found = set(_files(folder)) - {SUMS}
    if missing := sorted(set(listed) - found):
        raise BundleDamaged(f"The file '{missing[0]}' is missing.")
    if extra := sorted(found - set(listed)):
        raise BundleDamaged(f"The file '{extra[0]}' is not named in {SUMS}.")
    for name, digest in listed.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise BundleDamaged(f"The file '{name}' was changed since it was exported.")
    return listed


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """Return the content of ``SHA256SUMS`` for files by their paths, as ``sha256sum -c`` reads it."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return "".join(lines).encode()


def _listed(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        text = (folder / SUMS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleDamaged(f"The file '{SUMS}' is missing.") from None
    for line in text.splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if (path.is_file() or path.is_symlink()) and not _IGNORED.intersection(parts):
            yield "/".join(parts)

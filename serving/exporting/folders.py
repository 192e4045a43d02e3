"""An exported folder as bytes: digests beside the files, and the same files give the same archive."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from serving.standalone.digests import SUMS, sums_of

_MADE_AT = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def with_sums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with the list of their digests."""
    return {**files, SUMS: sums_of(files)}


def write_archive(files: Mapping[str, bytes], *, folder: str, target: Path) -> None:
    """Write files as a zip archive in which they lie in one folder.

    Nothing in it depends on the moment: equal files give equal bytes.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            one = zipfile.ZipInfo(f"{folder}/{name}", _MADE_AT)
            one.external_attr = _MODE
            one.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(one, files[name])


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive that :func:`write_archive` wrote."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)

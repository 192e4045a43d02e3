"""Files of this server, below folders that the settings allow."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from django.conf import settings as site

from core.errors import TooLarge
from datasets.errors import SourceMissing, SourceNotAllowed
from datasets.sources.asking import (
    MAX_ITEMS,
    Fetched,
    FetchedFile,
    Item,
    SettingField,
    SourceRequest,
)

_WILD = re.compile(r"[*?\[]")


class LocalFiles:
    """A path or a glob on this server; symbolic links count as what they lead to."""

    label = "Files on this server"
    fields = (
        SettingField(
            "path",
            "Path",
            "An absolute path, or a pattern such as /data/in/*.csv (** for all folders below).",
            is_required=True,
        ),
    )

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        _root_and_pattern(settings["path"])

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        return settings["path"]

    def fetch(self, request: SourceRequest) -> Fetched:
        root, pattern = _root_and_pattern(request.settings["path"])
        found = sorted(_below(root, pattern), key=lambda pair: pair[1].name)
        if not found:
            raise SourceMissing("No file has this path.", field="settings.path")
        items = [item for _, item in found]
        paths = {item.name: path for path, item in found}
        return Fetched(
            address=self.address(request.settings, request.secrets),
            files=tuple(
                FetchedFile(paths[item.name], item.name) for item in request.new_items(items)
            ),
            items=tuple(items),
        )


def _root_and_pattern(text: str) -> tuple[Path, str]:
    """Return the folder in front of the first wildcard, resolved, and what follows it."""
    pure = PurePosixPath(text)
    if not pure.is_absolute() or ".." in pure.parts or "\0" in text:
        raise SourceNotAllowed("The path is absolute and has no '..'.", field="settings.path")
    fixed = 0
    while fixed < len(pure.parts) - 1 and not _WILD.search(pure.parts[fixed]):
        fixed += 1
    folder = Path(*pure.parts[:fixed]).resolve()
    require_below(folder)
    return folder, str(PurePosixPath(*pure.parts[fixed:]))


def require_below(path: Path, *, field: str = "settings.path") -> None:
    """Refuse a path (resolved) that is not below a folder of ``SOURCE_PATHS``."""
    roots: Sequence[str] = site.SOURCE_PATHS
    if not any(path.is_relative_to(Path(root).resolve()) for root in roots):
        raise SourceNotAllowed(
            "The path is not below a folder that this site may read (SOURCE_PATHS).",
            field=field,
        )


def _below(folder: Path, pattern: str) -> Iterator[tuple[Path, Item]]:
    candidates = folder.glob(pattern) if _WILD.search(pattern) else iter([folder / pattern])
    for count, candidate in enumerate(candidates):
        if count >= MAX_ITEMS:
            raise TooLarge(f"The pattern names more than {MAX_ITEMS} files.", field="settings.path")
        try:
            path = candidate.resolve(strict=True)
            entry = path.stat()
        except (OSError, RuntimeError):
            continue
        if not stat.S_ISREG(entry.st_mode):
            continue
        require_below(path)
        name = str(candidate.relative_to(folder))
        yield path, Item(name, entry.st_size, f"{entry.st_size}:{entry.st_mtime_ns}")

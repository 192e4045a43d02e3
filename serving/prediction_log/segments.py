"""Where segments lie: ``<root>/<writer>/<number>.open`` while written, ``….closed`` when complete.

A living writer holds a lock on the file ``lock`` of its folder. Whoever gets that lock knows that the
writer is dead and may close its last segment.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPEN = ".open"
CLOSED = ".closed"
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Segment:
    """A complete segment; ``number`` counts from 1 in the writer's folder."""

    writer: str
    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class WriterFolder:
    """The folder of one writer; its name is the writer's id."""

    path: Path

    @property
    def writer(self) -> str:
        """The writer's id."""
        return self.path.name

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Hold the lock of a dead writer; gives False when the writer lives."""
        try:
            descriptor = os.open(self.path / LOCK, os.O_RDWR)
        except FileNotFoundError:
            yield False
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)

    def close_if_dead(self) -> None:
        """Close what a dead writer left open; take its folder away when nothing is in it."""
        with self.claimed() as is_dead:
            if not is_dead:
                return
            for path in self.path.glob(f"*{OPEN}"):
                path.rename(path.with_suffix(CLOSED))
            if not any(self.path.glob(f"*{CLOSED}")):
                shutil.rmtree(self.path, ignore_errors=True)


def writer_folders(root: Path) -> list[WriterFolder]:
    """Return the folders of all writers, living or dead, oldest first."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if path.is_dir() and (path / LOCK).exists()]
    return [
        WriterFolder(path)
        for path in sorted(found)
        if not path.name.startswith((".", "quarantine"))
    ]


def closed_segments(folder: WriterFolder) -> list[Segment]:
    """Return the complete segments of a writer, by number."""
    return [
        Segment(folder.writer, int(path.stem), path)
        for path in sorted(folder.path.glob(f"*{CLOSED}"))
    ]


def unshipped_files(root: Path, *, changed_since: float) -> list[Path]:
    """Return the segments, open or complete, that were written to since a moment (Unix time, s).

    The newest come first.
    """
    dated: list[tuple[float, Path]] = []
    for folder in writer_folders(root):
        for path in folder.path.iterdir():
            if path.suffix not in (OPEN, CLOSED):
                continue
            with contextlib.suppress(FileNotFoundError):  # it was shipped meanwhile
                changed = path.stat().st_mtime
                if changed >= changed_since:
                    dated.append((changed, path))
    return [path for _, path in sorted(dated, reverse=True)]

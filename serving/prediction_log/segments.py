"""Where segments lie: ``<root>/<writer>/<number>.open`` while written, ``….closed`` when complete.

A living writer holds a lock on the file ``lock`` of its folder. Whoever gets that lock knows that the
writer is dead and may close its last segment.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
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
    """The folder of one writer, living or dead; its name is the writer's id."""

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
            for path in sorted(self.path.glob(f"*{OPEN}")):
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
    """Return the complete segments of a writer, by number, all those before the last of them included.

    A file that is renamed while a folder is listed may be missing from the list. Writers close their
    segments in order, so whatever is seen closed by a first look has its predecessors closed before a
    second one.
    """
    seen = _numbers(folder.path, CLOSED)
    if not seen:
        return []
    last = seen[-1]
    still_open = _numbers(folder.path, OPEN)
    end = min([last + 1, *still_open])
    return [
        Segment(folder.writer, number, folder.path / f"{number:08d}{CLOSED}")
        for number in _numbers(folder.path, CLOSED)
        if number < end
    ]


def unshipped_files(root: Path, *, start: float, end: float) -> list[Path]:
    """Return the segments, open or complete, that may hold frames of a stretch of time.

    The newest come first. A segment is written to between the last write to the one before it and its own
    last write. Two looks, because a file that is renamed during a look may be missing from it.

    Parameters
    ----------
    start, end
        Unix time, in seconds.
    """
    dated: list[tuple[float, Path]] = []
    for folder in writer_folders(root):
        begun = -math.inf
        looks = (_numbers(folder.path, OPEN, CLOSED) for _ in range(2))
        for number in sorted(set().union(*looks)):
            found = _newest_name(folder.path / f"{number:08d}{OPEN}")
            if found is None:  # it was shipped since it was listed
                continue
            path, changed = found
            if begun <= end and changed >= start:
                dated.append((changed, path))
            begun = changed
    return [path for _, path in sorted(dated, reverse=True)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be shipped to the lake.

    Attributes
    ----------
    oldest_seconds
        Age of the file that was written to the longest ago; 0 when there is none.
    """

    file_count: int
    size_bytes: int
    oldest_seconds: float


def backlog(root: Path, *, at: float) -> Backlog:
    """Return how much of the log below ``root`` waits at a moment (Unix time, in seconds)."""
    sizes: list[int] = []
    oldest = at
    for folder in writer_folders(root):
        for number in _numbers(folder.path, OPEN, CLOSED):
            found = _newest_name(folder.path / f"{number:08d}{OPEN}")
            if found is None:
                continue
            path, changed = found
            with contextlib.suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
                oldest = min(oldest, changed)
    return Backlog(len(sizes), sum(sizes), max(0.0, at - oldest))


def _newest_name(path: Path) -> tuple[Path, float] | None:
    """Return the name that an open segment has by now, and when it was written to last."""
    for name in (path, path.with_suffix(CLOSED)):
        with contextlib.suppress(FileNotFoundError):
            return name, name.stat().st_mtime
    return None


def _numbers(folder: Path, *suffixes: str) -> list[int]:
    try:
        names = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted({int(n.stem) for n in names if n.suffix in suffixes and n.stem.isdecimal()})

"""Moving complete segments of the prediction log into the lake, each exactly once.

All segments of a writer that are complete are appended together. The commit carries a Delta application
transaction (writer, last number), so a shipper that died between the commit and the removal of the files
finds out what the table has already.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from datasets import lake
from serving.prediction_log import (
    LoggedRequest,
    Segment,
    closed_segments,
    decode_request,
    scan_frames,
    writer_folders,
)
from serving.prediction_log.table import PARTITION_BY, rows_of
from serving.selectors.predictions import log_path

logger = logging.getLogger(__name__)

#: Segments are packed up to about this size into one commit.
_PACK_BYTES = 64 * 1024**2
#: After so many commits to a table its small files are put together.
_COMPACT_AFTER_COMMITS = 60


@dataclass(frozen=True, slots=True)
class _Pack:
    """Consecutive segments of one writer with what could be read of them."""

    segments: Sequence[Segment]
    requests: Sequence[tuple[int, LoggedRequest]]


class Shipper:
    """Ships the log below ``root``; only one works on a root at a time.

    Parameters
    ----------
    root
        Folder of the prediction log.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._commits: dict[int, int] = defaultdict(int)

    def ship(self) -> int:
        """Ship everything that is complete; return the number of predictions shipped.

        What dead writers left open is closed first. Another shipper at work on this root is left alone.
        """
        with self._alone() as is_alone:
            if not is_alone:
                return 0
            shipped = 0
            for folder in writer_folders(self._root):
                folder.close_if_dead()
                for pack in self._packs(closed_segments(folder)):
                    shipped += self._ship(folder.writer, pack)
            return shipped

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / "shipper.lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    def _packs(self, segments: Sequence[Segment]) -> Iterator[_Pack]:
        taken: list[Segment] = []
        size = 0
        for segment in segments:
            taken.append(segment)
            size += segment.path.stat().st_size
            if size >= _PACK_BYTES:
                yield self._read(taken)
                taken, size = [], 0
        if taken:
            yield self._read(taken)

    def _read(self, segments: Sequence[Segment]) -> _Pack:
        requests: list[tuple[int, LoggedRequest]] = []
        for segment in segments:
            scan = scan_frames(segment.path.read_bytes())
            unreadable = scan.damaged_bytes
            for payload in scan.payloads:
                try:
                    requests.append((segment.number, decode_request(payload)))
                except ValueError:
                    unreadable += len(payload)
            if unreadable:
                self._quarantine(segment, unreadable)
            if scan.torn_bytes:
                logger.warning(
                    "segment %s/%s ends in a torn frame of %s bytes: that request was not answered",
                    *(segment.writer, segment.number, scan.torn_bytes),
                )
        return _Pack(tuple(segments), requests)

    def _quarantine(self, segment: Segment, unreadable: int) -> None:
        folder = self._root / "quarantine"
        folder.mkdir(exist_ok=True)
        shutil.copy2(segment.path, folder / f"{segment.writer}-{segment.number:08d}")
        logger.error(
            "segment %s/%s holds %s bytes that cannot be read; a copy is in %s",
            *(segment.writer, segment.number, unreadable, folder),
        )

    def _ship(self, writer: str, pack: _Pack) -> int:
        last = pack.segments[-1].number
        shipped = 0
        by_project = sorted(pack.requests, key=lambda item: item[1].project_id)
        for project_id, items in itertools.groupby(by_project, key=lambda item: item[1].project_id):
            path = log_path(project_id)
            done = lake.transaction_number(path, writer) or 0
            table = rows_of([request for number, request in items if number > done])
            if table.num_rows:
                lake.append(path, table, transaction=(writer, last), partition_by=PARTITION_BY)
                shipped += table.num_rows
                self._count_commit(project_id)
        for segment in pack.segments:
            segment.path.unlink(missing_ok=True)
        return shipped

    def _count_commit(self, project_id: int) -> None:
        self._commits[project_id] += 1
        if self._commits[project_id] >= _COMPACT_AFTER_COMMITS:
            self._commits[project_id] = 0
            lake.compact(log_path(project_id))

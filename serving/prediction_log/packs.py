"""Complete segments, some at a time, as rows for the lake.

What cannot be read never stands in the way: the segment is kept in the quarantine, and all of it that can be
read goes on.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from serving.prediction_log.failures import FailedRequest, decode_failure, is_failure
from serving.prediction_log.frames import scan_frames
from serving.prediction_log.reading import Record, read_record
from serving.prediction_log.segments import Segment
from serving.prediction_log.table import FAILURE_SCHEMA, SCHEMA, failure_rows, rows_of

logger = logging.getLogger(__name__)

PACK_BYTES = 64 * 1024**2

#: What Arrow and Python raise for a value of another kind than a column's.
_DOES_NOT_FIT = (pa.ArrowException, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Pack:
    """Consecutive segments of one writer with what could be read of them.

    Attributes
    ----------
    tables
        By project: a segment's number and its rows, in the order in which they were written.
    failures
        The same of the requests that got no prediction.
    """

    segments: Sequence[Segment]
    tables: Mapping[int, Sequence[tuple[int, pa.Table]]]
    failures: Mapping[int, Sequence[tuple[int, pa.Table]]]

    @property
    def writer(self) -> str:
        """The id of the writer."""
        return self.segments[0].writer

    @property
    def last_number(self) -> int:
        """The number of the last segment."""
        return self.segments[-1].number

    @property
    def projects(self) -> frozenset[int]:
        """The projects whose requests are in the pack."""
        return frozenset(self.tables) | frozenset(self.failures)

    def rows(self, project_id: int, *, after: int) -> pa.Table:
        """Return a project's rows of the segments with a number greater than ``after``."""
        given = self.tables.get(project_id, ())
        parts = [table for number, table in given if number > after]
        return pa.concat_tables([SCHEMA.empty_table(), *parts])

    def failed(self, project_id: int, *, after: int) -> pa.Table:
        """Return a project's failed requests of the segments with a number greater than ``after``."""
        given = self.failures.get(project_id, ())
        parts = [table for number, table in given if number > after]
        return pa.concat_tables([FAILURE_SCHEMA.empty_table(), *parts])

    def remove(self) -> None:
        """Remove the segments, first the oldest."""
        for segment in self.segments:
            segment.path.unlink(missing_ok=True)


class PackReader:
    """Reads segments in packs.

    Parameters
    ----------
    quarantine
        Folder that keeps segments which could not be read in full.
    pack_bytes
        Segments are put together up to about this size, on disk and in memory.
    """

    def __init__(self, quarantine: Path, *, pack_bytes: int = PACK_BYTES) -> None:
        self._quarantine = quarantine
        self._pack_bytes = pack_bytes

    def read(self, segments: Sequence[Segment]) -> Iterator[Pack]:
        """Read a writer's segments in their order."""
        waiting = deque(segments)
        while waiting:
            with _uncollected():
                pack = self._pack(waiting)
            yield pack

    def _pack(self, waiting: deque[Segment]) -> Pack:
        """Take segments from the front, one at least: up to a size on disk, and up to one of the rows in memory."""
        taken: list[Segment] = []
        tables: dict[int, list[tuple[int, pa.Table]]] = {}
        failures: dict[int, list[tuple[int, pa.Table]]] = {}
        size = rows_size = 0
        while waiting and max(size, rows_size) < self._pack_bytes:
            segment = waiting.popleft()
            taken.append(segment)
            size += segment.path.stat().st_size
            failed: dict[int, list[FailedRequest]] = {}
            for project_id, table in self._tables(segment, failed):
                tables.setdefault(project_id, []).append((segment.number, table))
                # Numbers of a large request take three times as much as text.
                rows_size += table.nbytes
            for project_id, requests in failed.items():
                failures.setdefault(project_id, []).append((segment.number, failure_rows(requests)))
        return Pack(tuple(taken), tables, failures)

    def _tables(
        self, segment: Segment, failed: dict[int, list[FailedRequest]]
    ) -> Iterator[tuple[int, pa.Table]]:
        scan = scan_frames(segment.path.read_bytes())
        by_project: dict[int, list[Record]] = {}
        unreadable = scan.damaged_bytes
        for payload in scan.payloads:
            failure = decode_failure(payload) if is_failure(payload) else None
            if failure is not None:
                failed.setdefault(failure.project_id, []).append(failure)
                continue
            try:
                request = read_record(payload)
            except ValueError:
                unreadable += len(payload)
            else:
                by_project.setdefault(request.project_id, []).append(request)
        for project_id, requests in by_project.items():
            table, refused = _rows_of_those_that_fit(requests)
            unreadable += refused
            yield project_id, table
        if unreadable:
            self._keep(segment)
            logger.error(
                "segment %s/%s holds %s bytes that cannot be read; it is kept in %s",
                *(segment.writer, segment.number, unreadable, self._quarantine),
            )
        if scan.torn_bytes:
            logger.warning(
                "segment %s/%s ends in a torn frame of %s bytes: that request was not answered",
                *(segment.writer, segment.number, scan.torn_bytes),
            )

    def _keep(self, segment: Segment) -> None:
        """Keep a copy under another name, without taking more space where that is possible."""
        self._quarantine.mkdir(parents=True, exist_ok=True)
        kept = self._quarantine / f"{segment.writer}-{segment.number:08d}"
        try:
            os.link(segment.path, kept)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            shutil.copy2(segment.path, kept)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the garbage collector out: hundreds of thousands of values come and go here, and none of them in a circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _rows_of_those_that_fit(records: Sequence[Record]) -> tuple[pa.Table, int]:
    """Return the rows of all requests that the schema takes, and how many bytes it does not take."""
    with contextlib.suppress(*_DOES_NOT_FIT):
        return rows_of(records), 0
    tables = [SCHEMA.empty_table()]
    refused = 0
    for record in records:
        try:
            tables.append(rows_of([record]))
        except _DOES_NOT_FIT:
            refused += len(msgspec.json.encode(record))
    return pa.concat_tables(tables), refused

"""Moving complete segments of the prediction log into the lake, each exactly once.

All segments of a writer that are complete are appended together. The commit carries a Delta application
transaction (writer, last number), so a shipper that died between the commit and the removal of the files
finds out what the table has already.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from datasets import lake
from serving.prediction_log import WriterFolder, closed_segments, writer_folders
from serving.prediction_log.packs import Pack, PackReader
from serving.prediction_log.table import FAILURE_SCHEMA, PARTITION_BY, ROW_GROUP_ROWS, SCHEMA
from serving.selectors.predictions import failures_path, log_path

if TYPE_CHECKING:
    from deltalake import DeltaTable

logger = logging.getLogger(__name__)

#: After so many commits to a table its small files are put together; also after a shipper's first.
COMPACT_AFTER_COMMITS = 60
#: Where there is no time for that, the files may be so many times as many.
_PRESSED_FACTOR = 10
#: Files that were put together, and entries of the table's log, are kept for those who are reading them.
_KEEP_HOURS = 2
#: Whoever opens a table reads the commits since its last checkpoint, one by one.
_LOG_OF_TABLE = {
    "delta.logRetentionDuration": f"interval {_KEEP_HOURS} hours",
    "delta.checkpointInterval": "20",
}
#: By these whole files are left out by those who look for predictions, and for requests that got none.
CONFIGURATION = _LOG_OF_TABLE | lake.telling(
    ["prediction_id", "at", "endpoint_id", "model_version_id"]
)
_FAILURES_CONFIGURATION = _LOG_OF_TABLE | lake.telling(
    ["request_id", "at", "endpoint_id", "model_version_id"]
)


def put_together(path: str, *, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Put the small files of a log's table together; tell whether all was done, or some is left for another time."""
    return lake.compact(
        path, keep_hours=_KEEP_HOURS, row_group_rows=ROW_GROUP_ROWS, should_stop=should_stop
    )


def put(
    path: str, rows: pa.Table, transaction: tuple[str, int], *, opened: DeltaTable | None = None
) -> None:
    """Append rows to a log's table, once per transaction (a writer and the number of its last segment)."""
    lake.append(
        path,
        rows,
        transaction=transaction,
        partition_by=PARTITION_BY,
        row_group_rows=ROW_GROUP_ROWS,
        opened=opened,
    )


@contextmanager
def alone(root: Path) -> Iterator[bool]:
    """Hold the lock of a log's shippers; gives False when another one is at work."""
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / "shipper.lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


class Shipper:
    """Ships the log below ``root``; only one works on a root at a time.

    Parameters
    ----------
    root
        Folder of the prediction log.
    should_stop
        Asked after each commit whether to leave the rest for another time.
    """

    def __init__(self, root: Path, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._root = root
        self._should_stop = should_stop
        self._failures_ready: set[int] = set()
        self._packs = PackReader(root / "quarantine")
        self._commits: dict[int, int] = {}

    def ship(self, *, is_pressed: bool = False) -> int:
        """Ship everything that is complete; return the number of predictions shipped.

        What dead writers left open is closed first. Another shipper at work on this root is left alone.

        Parameters
        ----------
        is_pressed
            Whether predictions have waited too long: then small files are put together later.

        Raises
        ------
        ExceptionGroup
            Some writers' or projects' predictions could not be shipped; all others were. Their files
            stay where they are, for the next time.
        """
        with alone(self._root) as is_alone:
            if not is_alone:
                return 0
            shipped = 0
            errors: list[Exception] = []
            for folder in writer_folders(self._root):
                if self._should_stop():
                    break
                try:
                    shipped += self._ship_folder(folder, errors)
                except Exception as error:  # noqa: BLE001 (raised below, after the other writers' turn)
                    errors.append(error)
            self._tidy(COMPACT_AFTER_COMMITS * (_PRESSED_FACTOR if is_pressed else 1))
        if errors:
            raise ExceptionGroup("some predictions could not be shipped", errors)
        return shipped

    def _ship_folder(self, folder: WriterFolder, errors: list[Exception]) -> int:
        folder.close_if_dead()
        shipped = 0
        # A project that failed has to wait: a later commit would say that it has the earlier rows too.
        waiting: set[int] = set()
        for pack in self._packs.read(closed_segments(folder)):
            for project_id in pack.projects:
                if project_id in waiting:
                    continue
                try:
                    shipped += self._ship_project(project_id, pack)
                except Exception as error:  # noqa: BLE001 (raised by the caller)
                    waiting.add(project_id)
                    errors.append(error)
            if waiting.isdisjoint(pack.projects):
                pack.remove()
            if self._should_stop():
                break
        return shipped

    def _ship_failures(self, project_id: int, pack: Pack) -> None:
        """Ship the requests that got no prediction: to a table of their own, once like the others."""
        if project_id not in pack.failures:
            return
        path = failures_path(project_id)
        done = lake.transaction_number(path, pack.writer) or 0
        rows = pack.failed(project_id, after=done)
        if not rows.num_rows:
            return
        if project_id not in self._failures_ready:
            lake.ensure_table(
                path,
                FAILURE_SCHEMA,
                partition_by=PARTITION_BY,
                configuration=_FAILURES_CONFIGURATION,
            )
            lake.set_properties(path, _FAILURES_CONFIGURATION)
            put_together(path)
            self._failures_ready.add(project_id)
        put(path, rows, (pack.writer, pack.last_number))

    def _ship_project(self, project_id: int, pack: Pack) -> int:
        self._ship_failures(project_id, pack)
        path = log_path(project_id)
        table = lake.open_table(path)
        done = 0 if table is None else table.transaction_version(pack.writer) or 0
        rows = pack.rows(project_id, after=done)
        if not rows.num_rows:
            return 0
        if project_id not in self._commits:
            lake.ensure_table(path, SCHEMA, partition_by=PARTITION_BY, configuration=CONFIGURATION)
            lake.add_columns(path, SCHEMA)
            lake.set_properties(path, CONFIGURATION)
            self._commits[project_id] = COMPACT_AFTER_COMMITS
            table = None
        put(path, rows, (pack.writer, pack.last_number), opened=table)
        self._commits[project_id] += 1
        return int(rows.num_rows)

    def _tidy(self, after_commits: int) -> None:
        """Put together the small files of tables that have many; when that fails, they stay small."""
        for project_id, commits in self._commits.items():
            if commits < after_commits or self._should_stop():
                continue
            try:
                is_done = put_together(log_path(project_id), should_stop=self._should_stop)
            except Exception:
                is_done = True
                logger.exception("the small files of project %s's log stay small", project_id)
            if is_done:
                self._commits[project_id] = 0

"""Appending to the prediction log."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from pathlib import Path

from core.errors import Unavailable
from core.ids import uuid7
from serving.prediction_log.frames import encode_frame
from serving.prediction_log.segments import CLOSED, LOCK, OPEN

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 8 * 1024**2
SEGMENT_SECONDS = 1.0


class LogUnwritable(Unavailable):
    """The prediction could not be logged, so it is not answered."""

    code = "prediction_log_unwritable"
    title = "The prediction cannot be logged right now"


class SegmentWriter:
    """Appends payloads to segment files; safe to call from several threads.

    Each append is one ``write`` to the page cache of the operating system: what was appended survives the
    death of this process. A segment is closed, and then forced to disk, when it is older than
    ``segment_seconds`` or larger than ``segment_bytes``; a power failure can therefore take about the last
    second with it.

    Parameters
    ----------
    root
        Folder of the log; the writer makes a folder of its own in it with the first append.
    """

    def __init__(
        self,
        root: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        self.root = root
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._lock = threading.Lock()
        self._pid = 0
        self._forget()

    def append(self, payload: bytes) -> None:
        """Write one payload; when this returns, it survives the death of the process.

        Raises
        ------
        LogUnwritable
            The disk is full or gone; nothing of the payload is left behind.
        """
        frame = encode_frame(payload)
        with self._lock:
            try:
                if self._pid != os.getpid():
                    self._forget()
                    self._pid = os.getpid()
                if self._descriptor is None:
                    self._open_segment()
                self._write(frame)
                if self._size >= self._segment_bytes:
                    self._close_segment()
            except OSError as error:
                logger.exception("the prediction log cannot be written")
                raise LogUnwritable(
                    "The prediction was not made, because it could not be logged.", retry_after=5
                ) from error

    def close(self) -> None:
        """Close the present segment and give the folder up."""
        with self._lock:
            if self._pid != os.getpid():
                return
            if self._descriptor is not None:
                self._close_segment()
            if self._lock_descriptor is not None:
                os.close(self._lock_descriptor)
            self._forget()

    def rotate_if_due(self) -> None:
        """Close the present segment when its time is over."""
        with self._lock:
            is_due = (
                self._descriptor is not None
                and self._size > 0
                and time.monotonic() - self._opened_at >= self._segment_seconds
            )
            if is_due:
                self._close_segment()

    def _forget(self) -> None:
        """Be a new writer: after a fork, the parent's files are the parent's."""
        self._folder: Path | None = None
        self._lock_descriptor: int | None = None
        self._descriptor: int | None = None
        self._number = 0
        self._size = 0
        self._opened_at = 0.0

    def _write(self, frame: bytes) -> None:
        assert self._descriptor is not None
        try:
            written = os.write(self._descriptor, frame)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        if written != len(frame):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(f"only {written} of {len(frame)} bytes were written")
        self._size += written

    def _open_segment(self) -> None:
        if self._folder is None:
            self._folder = self._make_folder()
            threading.Thread(
                target=self._keep_rotating, name="prediction-log", daemon=True, args=(os.getpid(),)
            ).start()
        number = self._number + 1
        path = self._folder / f"{number:08d}{OPEN}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self._number = number
        self._size = 0
        self._opened_at = time.monotonic()

    def _make_folder(self) -> Path:
        """Make the folder under a hidden name, so that it is seen with its lock held only."""
        identity = uuid7().hex
        draft = self.root / f".{identity}"
        draft.mkdir(parents=True, mode=0o750)
        self._lock_descriptor = os.open(draft / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
        fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX)
        folder = self.root / identity
        draft.rename(folder)
        return folder

    def _close_segment(self) -> None:
        assert self._descriptor is not None
        assert self._folder is not None
        descriptor, self._descriptor = self._descriptor, None
        path = self._folder / f"{self._number:08d}{OPEN}"
        os.fdatasync(descriptor)
        os.close(descriptor)
        path.rename(path.with_suffix(CLOSED))

    def _keep_rotating(self, pid: int) -> None:
        while os.getpid() == pid and self._folder is not None:
            time.sleep(self._segment_seconds / 4)
            try:
                self.rotate_if_due()
            except OSError:
                logger.exception("a segment of the prediction log cannot be closed")

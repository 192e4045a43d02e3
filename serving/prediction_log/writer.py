"""Appending to the prediction log."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import Unavailable
from core.ids import uuid7
from serving.prediction_log.frames import encode_frame
from serving.prediction_log.segments import CLOSED, LOCK, OPEN

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 8 * 1024**2
SEGMENT_SECONDS = 1.0

#: How often a writer looks whether a segment has to be closed, at most.
_LOOK_SECONDS = 0.25
#: A disk that stays full is told of once in so many seconds, not with each request.
_COMPLAIN_SECONDS = 5.0


class LogUnwritable(Unavailable):
    """The prediction could not be logged, so it is not answered."""

    code = "prediction_log_unwritable"
    title = "The prediction cannot be logged right now"


@dataclass(slots=True)
class _OpenSegment:
    """A file that frames are appended to, and then closed."""

    path: Path
    descriptor: int
    size: int = 0
    opened_at: float = field(default_factory=time.monotonic)

    def write(self, frame: bytes) -> None:
        """Append a frame with one system call; leave nothing of it behind when that fails."""
        try:
            written = os.write(self.descriptor, frame)
            if written != len(frame):
                raise OSError(f"only {written} of {len(frame)} bytes were written")
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += written

    def complete(self) -> None:
        """Force it to disk and give it its final name; may be called again when it failed."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            try:
                os.fdatasync(descriptor)
            except OSError:
                logger.exception("%s could not be forced to disk", self.path)
            finally:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        try:
            self.path.rename(self.path.with_suffix(CLOSED))
        except FileNotFoundError:
            logger.critical("%s was removed by somebody; its predictions are lost", self.path)


class SegmentWriter:
    """Appends payloads to segment files; safe to call from several threads and after a fork.

    Each append is one ``write`` to the page cache of the operating system: what was appended survives the
    death of this process. A segment is closed, and then forced to disk, when it is older than
    ``segment_seconds`` or larger than ``segment_bytes``; a power failure can therefore take about the last
    second with it. A thread closes segments, in the order of their numbers and off the path of the
    requests.

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
        self._complained_at = -math.inf
        self._begin()
        _writers.add(self)

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
                segment = self._segment or self._open_segment()
                self._write(segment, frame)
            except OSError as error:
                self._complain(error)
                raise LogUnwritable(
                    "The prediction was not made, because it could not be logged.", retry_after=5
                ) from error
            if segment.size >= self._segment_bytes:
                self._retire()

    def rotate(self) -> None:
        """Close the present segment, however young it is."""
        with self._lock:
            self._retire()
        self._close_retired()

    def close(self) -> None:
        """Close the present segment and give the folder up; a later append begins a new one."""
        with self._lock:
            self._retire()
            try:
                self._close_retired()
            finally:
                # Whatever could not be closed is closed by the shipper, once the folder is given up.
                self._retired.clear()
                self._leave_folder()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._retired: deque[_OpenSegment] = deque()
        self._segment: _OpenSegment | None = None
        self._folder: Path | None = None
        self._lock_descriptor = -1
        self._number = 0
        self._left = threading.Event()

    def _begin_as_child(self) -> None:
        """Begin anew in a child process: the parent's files and locks are the parent's.

        Its descriptors are closed here. They would keep the parent's folder locked after its death.
        """
        segments = [*self._retired, *([self._segment] if self._segment else [])]
        for descriptor in [*(one.descriptor for one in segments), self._lock_descriptor]:
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._begin()

    def _write(self, segment: _OpenSegment, frame: bytes) -> None:
        size = segment.size
        try:
            segment.write(frame)
        except OSError:
            # When not even the rest of the frame could be cut off, nothing may come after it.
            if _size_of(segment.descriptor) != size:
                self._retire()
            raise

    def _open_segment(self) -> _OpenSegment:
        if self._folder is None or not self._folder.is_dir():
            self._leave_folder()
            self._enter_folder()
        assert self._folder is not None
        self._number += 1
        path = self._folder / f"{self._number:08d}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._segment = _OpenSegment(path, os.open(path, flags, 0o640))
        return self._segment

    def _retire(self) -> None:
        """Let the present segment be closed soon; ``_lock`` is held."""
        if self._segment is not None:
            self._retired.append(self._segment)
            self._segment = None

    def _close_retired(self) -> None:
        with self._closing:
            while self._retired:
                # One that cannot be closed stays at the front: a reader takes a number for the sign that
                # all lower ones are complete.
                self._retired[0].complete()
                self._retired.popleft()

    def _enter_folder(self) -> None:
        """Make the folder under a hidden name, so that it is seen with its lock held only."""
        identity = uuid7().hex
        draft = self.root / f".{identity}"
        draft.mkdir(parents=True, mode=0o750)
        self._lock_descriptor = os.open(draft / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
        fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX)
        folder = self.root / identity
        draft.rename(folder)
        self._folder = folder
        self._number = 0
        self._left = threading.Event()
        threading.Thread(
            target=self._keep_closing, name="prediction-log", daemon=True, args=(self._left,)
        ).start()

    def _leave_folder(self) -> None:
        self._left.set()
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1
        self._folder = None

    def _keep_closing(self, left: threading.Event) -> None:
        pause = min(self._segment_seconds / 4, _LOOK_SECONDS)
        while not left.wait(pause):
            with self._lock:
                segment = self._segment
                if (
                    segment is not None
                    and time.monotonic() - segment.opened_at >= self._segment_seconds
                ):
                    self._retire()
            try:
                self._close_retired()
            except OSError:
                logger.exception("a segment of the prediction log cannot be closed yet")

    def _complain(self, error: OSError) -> None:
        if time.monotonic() - self._complained_at >= _COMPLAIN_SECONDS:
            self._complained_at = time.monotonic()
            logger.error("the prediction log cannot be written; predictions are refused: %s", error)


def _size_of(descriptor: int) -> int:
    """Return the size of an open file; -1 when nobody knows."""
    try:
        return os.fstat(descriptor).st_size
    except OSError:
        return -1


_writers: weakref.WeakSet[SegmentWriter] = weakref.WeakSet()


def _begin_writers_as_child() -> None:
    for writer in list(_writers):
        writer._begin_as_child()


os.register_at_fork(after_in_child=_begin_writers_as_child)

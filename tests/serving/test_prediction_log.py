"""The writer that appends to the prediction log, whatever happens to its disk and its process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.prediction_log import (
    LogUnwritable,
    SegmentWriter,
    encode_request,
    scan_frames,
    writer_folders,
)
from tests.serving.samples import logged_request

SOURCE = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def writer(root: Path) -> SegmentWriter:
    return SegmentWriter(root, segment_seconds=3600)


def payloads_in(*paths: Path) -> list[bytes]:
    return [one for path in sorted(paths) for one in scan_frames(path.read_bytes()).payloads]


def wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def test_nothing_is_made_before_the_first_append(writer: SegmentWriter, root: Path) -> None:
    writer.close()
    assert not root.exists()


def test_an_append_is_one_short_call_to_the_operating_system(writer: SegmentWriter) -> None:
    calls: list[int] = []
    real: Callable[[int, bytes], int] = os.write

    def counted(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        return real(descriptor, data)

    writer.append(b"opens the segment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", counted)
        writer.append(encode_request(logged_request(100)))
    assert len(calls) == 1


def test_a_segment_is_closed_by_age(root: Path) -> None:
    writer = SegmentWriter(root, segment_seconds=0.05)
    writer.append(b"x")
    assert wait_until(lambda: bool(list(root.glob("*/00000001.closed"))))
    writer.append(b"y")
    assert wait_until(lambda: bool(list(root.glob("*/00000002.closed"))))
    writer.close()


def test_a_segment_is_closed_by_size(root: Path) -> None:
    writer = SegmentWriter(root, segment_seconds=3600, segment_bytes=100)
    for _ in range(5):
        writer.append(b"x" * 60)
    assert wait_until(lambda: len(list(root.glob("*/*.closed"))) == 2)
    assert len(list(root.glob("*/*.open"))) == 1
    writer.close()


def test_a_segment_that_cannot_be_closed_keeps_later_ones_waiting(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EIO, "Input/output error")

    writer.append(b"first")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(OSError, match="Input/output"):
            writer.rotate()
    writer.append(b"second")
    assert not list(root.glob("*/*.closed"))
    writer.rotate()
    assert payloads_in(*root.glob("*/*.closed")) == [b"first", b"second"]


def test_threads_append_whole_frames(root: Path) -> None:
    writer = SegmentWriter(root, segment_bytes=20_000)

    def work(name: int) -> None:
        for number in range(50):
            writer.append(f"{name}:{number} ".encode() * 50)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    paths = list(root.glob("*/*.closed"))
    assert len(paths) > 1
    found = payloads_in(*paths)
    assert (len(found), len(set(found))) == (200, 200)


def test_a_full_disk_refuses_and_leaves_nothing_half_written(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(b"first")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogUnwritable):
            writer.append(b"lost")
    writer.append(b"second")
    writer.close()
    (path,) = root.glob("*/*.closed")
    scan = scan_frames(path.read_bytes())
    assert (scan.payloads, scan.torn_bytes, scan.damaged_bytes) == ([b"first", b"second"], 0, 0)


_FILL_UP = """
import resource, sys, signal
from pathlib import Path
from serving.prediction_log import LogUnwritable, SegmentWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
writer = SegmentWriter(Path(sys.argv[1]), segment_seconds=3600)
for number in range(12):
    try:
        writer.append(b"%02d" % number * 50)
    except LogUnwritable as refusal:
        print(number, refusal.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append(b"room again")
"""


@pytest.mark.fault
def test_a_file_that_may_not_grow_refuses_until_there_is_room(root: Path) -> None:
    ended = _run(_FILL_UP, root)
    assert ended.stdout.split() == [
        *("8", "prediction_log_unwritable", "9", "prediction_log_unwritable"),
        *("10", "prediction_log_unwritable", "11", "prediction_log_unwritable"),
    ]
    assert ended.stderr.count("cannot be written") == 1, "one line for each refusal fills the disk"
    expected = [b"%02d" % number * 50 for number in range(8)]
    assert payloads_in(*root.glob("*/*.open")) == [*expected, b"room again"]


def test_a_descriptor_that_broke_is_replaced_at_the_next_rotation(
    writer: SegmentWriter, root: Path
) -> None:
    writer.append(b"first")
    segment = writer._segment
    assert segment is not None
    read_only = os.open(segment.path, os.O_RDONLY)
    os.dup2(read_only, segment.descriptor)
    os.close(read_only)
    with pytest.raises(LogUnwritable):
        writer.append(b"lost")
    writer.rotate()
    writer.append(b"second")
    writer.close()
    assert payloads_in(*root.glob("*/*.closed")) == [b"first", b"second"]


def test_a_folder_that_somebody_removed_is_made_again(
    writer: SegmentWriter, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer.append(b"lost")
    (folder,) = root.iterdir()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    writer.rotate()
    assert "predictions are lost" in caplog.text
    writer.append(b"second")
    writer.close()
    assert payloads_in(*root.glob("*/*.closed")) == [b"second"]


_FORK = """
import os, sys, threading, time
from pathlib import Path
from serving.prediction_log import SegmentWriter, writer_folders
root = Path(sys.argv[1])
writer = SegmentWriter(root, segment_seconds=3600)
writer.append(b"parent")
parents = writer_folders(root)[0]
with writer._lock:  # as another thread may hold it at the moment of the fork
    child = os.fork()
if child == 0:
    time.sleep(0.2)
    writer.append(b"child")
    with parents.claimed() as is_dead:
        print("parent locked" if not is_dead else "parent unlocked", flush=True)
    sys.stdin.read()
    with parents.claimed() as is_dead:
        print("parent locked" if not is_dead else "parent unlocked", flush=True)
    os._exit(0)
time.sleep(0.6)
os._exit(0)
"""


@pytest.mark.fault
def test_a_fork_writes_to_a_folder_of_its_own_and_keeps_no_lock_of_its_parent(root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _FORK, str(root)],
        cwd=SOURCE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.wait(timeout=30)
        process.stdin.close()
        assert process.stdout.read().splitlines() == ["parent locked", "parent unlocked"]
    folders = writer_folders(root)
    assert [payloads_in(*one.path.glob("*.open")) for one in folders] == [[b"parent"], [b"child"]]


def _run(script: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(root)],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

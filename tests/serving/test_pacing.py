"""Shipping gives way: it takes what others leave, until predictions have waited too long."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.execution import pacing, shipping
from serving.execution.pacing import Pacing, give_way
from serving.execution.shipping import Shipper
from serving.prediction_log import SegmentWriter, encode_request
from tests.serving.samples import ids_of, logged_request, shipped_ids

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads")


def niceness(thread_id: int | None = None) -> int:
    """Return the niceness of a thread of this process, as the operating system tells it."""
    text = Path(f"/proc/self/task/{thread_id or threading.get_native_id()}/stat").read_text()
    return int(text.rpartition(")")[2].split()[16])


def named(name: str) -> list[int]:
    """Return the threads of this process that have a name in the operating system."""
    return [
        int(task.name)
        for task in Path("/proc/self/task").iterdir()
        if (task / "comm").read_text().strip().startswith(name)
    ]


class Watched:
    """A pacing whose working threads tell with which niceness they work."""

    def __init__(self, root: Path, patience_seconds: float = 30.0) -> None:
        self.seen: list[int] = []
        self.between_commits: Callable[[], None] = lambda: None
        self.pacing = Pacing(root, patience_seconds=patience_seconds, is_stopped=self._look)

    def _look(self) -> bool:
        self.seen.append(niceness())
        self.between_commits()
        return False

    def turn(self) -> tuple[int, set[int]]:
        """Return how many predictions were shipped, and the niceness of whoever did it."""
        self.seen.clear()
        shipped = self.pacing.turn()
        return shipped, set(self.seen)


@pytest.fixture
def watched(root: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(patience_seconds: float = 30.0) -> Watched:
        made.append(Watched(root, patience_seconds))
        return made[-1]

    yield make
    for one in made:
        one.pacing.close()


def written(writer: SegmentWriter, *, age_seconds: float = 0.0, rows: int = 1) -> list[str]:
    """Write a request and close its segment; return the ids."""
    request = logged_request(rows)
    writer.append(encode_request(request))
    writer.rotate()
    newest = max(writer.root.glob("*/*.closed"), key=lambda path: path.name)
    moment = time.time() - age_seconds
    os.utime(newest, (moment, moment))
    return ids_of(request)


@needs_linux
def test_what_waits_is_shipped_with_the_least_priority(
    writer: SegmentWriter, watched: Callable[..., Watched]
) -> None:
    ids = written(writer)
    assert watched().turn() == (1, {19})
    assert shipped_ids() == ids


@needs_linux
def test_what_has_waited_too_long_is_shipped_with_the_priority_of_the_process(
    writer: SegmentWriter, watched: Callable[..., Watched]
) -> None:
    usual = niceness()
    one = watched(patience_seconds=20)
    ids = written(writer, age_seconds=25)
    assert one.turn() == (1, {usual})
    ids += written(writer, age_seconds=15)
    assert one.turn() == (1, {19})
    ids += written(writer, age_seconds=21)
    assert one.turn() == (1, {usual})
    assert shipped_ids() == sorted(ids)
    assert niceness() == usual


@needs_linux
def test_whoever_writes_files_has_the_priority_and_the_engine_that_of_the_process(
    writer: SegmentWriter, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    usual = niceness()
    one = watched()
    writes: list[tuple[int, float]] = []
    real = pq.ParquetWriter.write_table

    def look(self: pq.ParquetWriter, *args: object, **options: object) -> None:
        here, everywhere = time.thread_time(), time.process_time()
        real(self, *args, **options)
        share = (time.thread_time() - here) / (time.process_time() - everywhere)
        writes.append((niceness(), share))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", look)
    written(writer, rows=3000)
    assert one.turn() == (3000, {19})
    assert [priority for priority, _ in writes] == [19]
    assert writes[0][1] > 0.5, "others did the work"
    engine = named("tokio")
    assert engine
    assert usual in {niceness(task) for task in engine}


def test_a_gentle_turn_ends_when_something_has_waited_too_long(
    root: Path, watched: Callable[..., Watched]
) -> None:
    writers = [SegmentWriter(root, segment_seconds=3600) for _ in range(2)]
    first = written(writers[0])
    second = written(writers[1])
    one = watched()
    (late,) = [path for path in root.glob("*/*.closed") if path.parent.name > _first_folder(root)]

    def grow_old() -> None:
        """Let the first commit have taken long."""
        if shipped_ids() == first and late.exists():
            os.utime(late, (time.time() - 31, time.time() - 31))

    one.between_commits = grow_old
    assert one.turn()[0] == 1
    assert shipped_ids() == first
    assert one.turn()[0] == 1
    assert shipped_ids() == sorted(first + second)
    for writer in writers:
        writer.close()


def _first_folder(root: Path) -> str:
    return min(path.parent.name for path in root.glob("*/*.closed"))


def test_much_is_collected_for_a_while_and_little_is_not(
    writer: SegmentWriter, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watched()
    assert one.turn()[0] == 0
    written(writer)
    assert one.turn()[0] == 1
    monkeypatch.setattr(pacing, "LITTLE_BYTES", 1000)
    written(writer, rows=100, age_seconds=5)
    assert one.turn()[0] == 0
    written(writer, rows=100)
    assert one.turn()[0] == 0
    oldest = min(writer.root.glob("*/*.closed"), key=lambda path: path.name)
    os.utime(oldest, (time.time() - 11, time.time() - 11))
    assert one.turn()[0] == 200
    monkeypatch.setattr(pacing, "PACK_BYTES", 2000)
    written(writer, rows=100)
    assert one.turn()[0] == 100


def test_patience_that_is_short_ends_the_collecting(
    writer: SegmentWriter, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "LITTLE_BYTES", 1)
    written(writer, age_seconds=3)
    assert watched(patience_seconds=5).turn()[0] == 0
    assert watched(patience_seconds=2).turn()[0] == 1


def test_who_is_pressed_puts_files_together_later(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "COMPACT_AFTER_COMMITS", 2)
    put_together: list[str] = []
    real = shipping.put_together

    def note(path: str, *, should_stop: Callable[[], bool]) -> bool:
        put_together.append(path)
        return real(path, should_stop=should_stop)

    monkeypatch.setattr(shipping, "put_together", note)
    shipper = Shipper(root)
    for _ in range(4):
        written(writer)
        shipper.ship(is_pressed=True)
    assert put_together == []
    shipper.ship()
    assert len(put_together) == 1
    for _ in range(19):
        written(writer)
        shipper.ship(is_pressed=True)
    assert len(put_together) == 1
    written(writer)
    shipper.ship(is_pressed=True)
    assert len(put_together) == 2


def test_what_was_not_put_together_is_tried_again(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    asked: list[str] = []

    def stop_once(path: str, *, should_stop: Callable[[], bool]) -> bool:
        asked.append(path)
        return next(answers)

    monkeypatch.setattr(shipping, "put_together", stop_once)
    written(writer)
    shipper = Shipper(root)
    for _ in range(4):
        shipper.ship()
    assert len(asked) == 2


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_where_no_priority_can_be_given_up_the_log_is_shipped_all_the_same(
    platform: str,
    writer: SegmentWriter,
    watched: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(which: int, who: int, priority: int) -> None:
        assert platform == "linux", "elsewhere this is the priority of some process"
        raise PermissionError("not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    monkeypatch.setattr(sys, "platform", platform)
    one = watched()
    for _ in range(3):
        written(writer)
        assert one.turn()[0] == 1
    assert caplog.text.count("works with the priority of its process") == 1


@needs_linux
def test_giving_way_leaves_other_threads_alone() -> None:
    seen: list[int] = []
    usual = niceness()

    def work() -> None:
        give_way()
        seen.append(niceness())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [19]
    assert niceness() == usual

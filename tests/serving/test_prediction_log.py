"""The log on disk and its way into the lake."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ids import uuid7
from datasets import lake
from serving.execution.shipping import Shipper
from serving.prediction_log import (
    LoggedRequest,
    LogUnwritable,
    SegmentWriter,
    decode_request,
    encode_frame,
    encode_request,
    scan_frames,
)
from serving.selectors.predictions import (
    find_predictions,
    hourly_predictions,
    log_path,
    predictions,
)

PROJECT = 7
AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def request(rows: int = 1, *, project: int = PROJECT, at: datetime | None = None) -> LoggedRequest:
    moment = at or datetime.now(UTC)
    return LoggedRequest(
        project_id=project,
        endpoint_id=3,
        deployment_id=4,
        model_version_id=5,
        request_id="r",
        token_prefix="mls_x",
        at=moment,
        prediction_ids=[str(uuid7(int(moment.timestamp() * 1000))) for _ in range(rows)],
        instances=[{"age": row, "job": "été"} for row in range(rows)],
        predictions=["yes"] * rows,
        probabilities=[[0.25, 0.75]] * rows,
        latency_us=12,
    )


def shipped_ids(project: int = PROJECT) -> list[str]:
    rows = lake.read_window(log_path(project), columns=["prediction_id"])
    return [] if rows is None else sorted(rows["prediction_id"].to_pylist())


@pytest.fixture
def root(tmp_path: Path, lake_home: Path) -> Path:
    return lake_home / "prediction-log"


@pytest.fixture
def writer(root: Path) -> SegmentWriter:
    return SegmentWriter(root, segment_seconds=3600)


def test_a_record_is_read_as_it_was_written() -> None:
    written = request(3, at=AT)
    assert decode_request(encode_request(written)) == written


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=60), max_size=8),
    garbage=st.lists(st.binary(max_size=30), min_size=9, max_size=9),
)
def test_intact_frames_are_found_between_garbage(
    payloads: list[bytes], garbage: list[bytes]
) -> None:
    parts = [b""]
    for payload, noise in zip(payloads, garbage, strict=False):
        parts += [noise.replace(b"\xf5", b""), encode_frame(payload)]
    tail = garbage[-1].replace(b"\xf5", b"")
    scan = scan_frames(b"".join(parts) + tail)
    assert scan.payloads == payloads
    assert scan.torn_bytes == len(tail)


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), data=st.data()
)
def test_a_file_that_ends_anywhere_gives_all_whole_frames_before(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(encode_frame, payloads))
    cut = data.draw(st.integers(0, len(whole)))
    found = scan_frames(whole[:cut]).payloads
    assert found == payloads[: len(found)]
    assert sum(len(encode_frame(one)) for one in payloads[: len(found) + 1]) > cut or len(
        found
    ) == len(payloads)


def test_a_flipped_bit_costs_one_frame_only(writer: SegmentWriter, root: Path) -> None:
    requests = [request() for _ in range(3)]
    for one in requests:
        writer.append(encode_request(one))
    writer.close()
    (path,) = root.glob("*/*.closed")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    Shipper(root).ship()
    assert shipped_ids() == sorted(requests[i].prediction_ids[0] for i in (0, 2))
    assert len(list((root / "quarantine").iterdir())) == 1


def test_predictions_are_shipped_once_with_all_that_is_known(
    writer: SegmentWriter, root: Path
) -> None:
    mine, others = request(2), request(project=8)
    writer.append(encode_request(mine))
    writer.append(encode_request(others))
    writer.close()
    assert Shipper(root).ship() == 3
    assert Shipper(root).ship() == 0
    assert list(root.glob("*/*")) == []
    rows = predictions(
        project_id=PROJECT, endpoint_id=3, start=mine.at, end=mine.at + timedelta(seconds=1)
    )
    assert rows is not None
    row = rows.sort_by("prediction_id").to_pylist()[0]
    assert row["at"] == mine.at
    assert row["features"] == '{"age":0,"job":"été"}' or row["features"].startswith('{"age":1')
    assert (row["prediction"], row["probabilities"]) == ('"yes"', [0.25, 0.75])
    assert shipped_ids(8) == list(others.prediction_ids)
    counts = hourly_predictions(
        project_ids=[PROJECT, 8], start=mine.at - timedelta(hours=1), end=mine.at + timedelta(1)
    )
    assert sum(counts.values()) == 3


def test_a_shipper_that_died_before_it_removed_the_files_ships_nothing_twice(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = request(), request()
    writer.append(encode_request(first))
    writer.rotate_if_due()
    writer._close_segment()

    def die(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            Shipper(root).ship()
    assert shipped_ids() == list(first.prediction_ids)
    writer.append(encode_request(second))
    writer.close()
    Shipper(root).ship()
    assert shipped_ids() == sorted([*first.prediction_ids, *second.prediction_ids])


def test_the_open_segment_of_a_living_writer_is_left_alone(
    writer: SegmentWriter, root: Path
) -> None:
    one = request()
    writer.append(encode_request(one))
    assert Shipper(root).ship() == 0
    writer.append(encode_request(one))
    writer.close()
    assert Shipper(root).ship() == 2


def test_a_segment_is_closed_by_age_and_by_size(root: Path) -> None:
    by_age = SegmentWriter(root / "a", segment_seconds=0.05)
    by_age.append(b"x")
    deadline = threading.Event()
    for _ in range(100):
        if list((root / "a").glob("*/*.closed")):
            break
        deadline.wait(0.05)
    assert len(list((root / "a").glob("*/*.closed"))) == 1
    by_size = SegmentWriter(root / "b", segment_seconds=3600, segment_bytes=100)
    for _ in range(4):
        by_size.append(b"x" * 60)
    assert len(list((root / "b").glob("*/*.closed"))) == 2


def test_threads_append_whole_frames(writer: SegmentWriter, root: Path) -> None:
    def work(name: int) -> None:
        for number in range(50):
            writer.append(f"{name}:{number}".encode() * 50)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    (path,) = root.glob("*/*.closed")
    scan = scan_frames(path.read_bytes())
    assert (len(scan.payloads), scan.damaged_bytes, scan.torn_bytes) == (200, 0, 0)


def test_a_full_disk_refuses_and_leaves_nothing_half_written(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(b"first")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        real(descriptor, data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogUnwritable):
            writer.append(b"lost")
    writer.append(b"second")
    writer.close()
    (path,) = root.glob("*/*.closed")
    scan = scan_frames(path.read_bytes())
    assert (scan.payloads, scan.torn_bytes) == ([b"first", b"second"], 0)


def test_a_fork_writes_to_a_folder_of_its_own(writer: SegmentWriter, root: Path) -> None:
    writer.append(b"parent")
    writer._pid = -1  # as the child of a fork finds it
    writer.append(b"child")
    assert len(list(root.glob("*/*.open"))) == 2


def test_predictions_are_found_before_and_after_they_are_shipped(
    writer: SegmentWriter, root: Path
) -> None:
    one = request(2)
    ids = [UUID(text) for text in one.prediction_ids]
    unknown = uuid7()

    def found() -> dict[UUID, object]:
        asked = [*ids, unknown, UUID(int=0)]
        records = find_predictions(project_id=PROJECT, prediction_ids=asked)
        return {key: (record.features, record.prediction) for key, record in records.items()}

    expected = {key: (dict(one.instances[i]), "yes") for i, key in enumerate(ids)}
    writer.append(encode_request(one))
    assert found() == expected
    assert find_predictions(project_id=8, prediction_ids=ids) == {}
    writer.close()
    assert found() == expected
    Shipper(root).ship()
    assert found() == expected
    assert find_predictions(project_id=8, prediction_ids=ids) == {}


_WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from serving.prediction_log import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), segment_seconds=3600)
for payload in sys.stdin.buffer.read().split(b"\\n"):
    writer.append(payload)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_written_is_shipped(root: Path) -> None:
    requests = [request() for _ in range(20)]
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, str(root)],
        input=b"\n".join(map(encode_request, requests)),
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert Shipper(root).ship() == 20
    assert shipped_ids() == sorted(one.prediction_ids[0] for one in requests)


def test_small_files_are_put_together(writer: SegmentWriter, root: Path) -> None:
    shipper = Shipper(root)
    ids: list[str] = []
    for _ in range(3):
        one = request()
        ids += one.prediction_ids
        writer.append(encode_request(one))
        writer._close_segment()
        shipper.ship()
    lake.compact(log_path(PROJECT))
    table = lake.open_table(log_path(PROJECT))
    assert table is not None
    assert len(table.file_uris()) == 1
    assert shipped_ids() == sorted(ids)


def test_the_time_of_one_append_is_small(writer: SegmentWriter) -> None:
    """Not a promise about speed: only that an append is one short call and no more."""
    calls: list[int] = []
    real: Callable[[int, bytes], int] = os.write

    def counted(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        return real(descriptor, data)

    writer.append(b"opens the segment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", counted)
        writer.append(encode_request(request(100)))
    assert len(calls) == 1

"""The log on disk: frames, records, and the writer that appends them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_registry.signatures import Field, Signature, columns_from_records
from serving.prediction_log import (
    KEEP_ALL,
    LoggedRequest,
    LogUnwritable,
    SegmentWriter,
    decode_request,
    encode_frame,
    encode_request,
    scan_frames,
    writer_folders,
)
from serving.prediction_log.features import FeatureBlock
from tests.serving.samples import logged_request

SOURCE = Path(__file__).resolve().parents[2]
#: No noise of a test begins a frame by chance.
noise = st.binary(max_size=30).map(lambda data: data.replace(b"\xf5", b""))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


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


@settings(max_examples=60, deadline=None)
@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    instances=st.lists(st.dictionaries(st.text(), scalars, max_size=4), min_size=1, max_size=4),
    request_id=st.text(),
    has_probabilities=st.booleans(),
)
def test_a_record_is_read_as_it_was_written(
    at: datetime, instances: list[dict[str, Any]], request_id: str, has_probabilities: bool
) -> None:
    rows = len(instances)
    written = LoggedRequest(
        project_id=1,
        endpoint_id=2,
        deployment_id=3,
        model_version_id=4,
        request_id=request_id,
        token_prefix="mls_x",
        at=at,
        prediction_ids=[f"id-{row}" for row in range(rows)],
        instances=instances,
        predictions=list(range(rows)),
        probabilities=[[0.5, 0.5]] * rows if has_probabilities else None,
        role="shadow",
        latency_us=9,
    )
    assert decode_request(encode_request(written)) == written


def test_a_body_is_kept_as_it_came_and_read_as_its_instances() -> None:
    instances: list[dict[str, Any]] = [
        {"size": 1.5, "region": 'nörth"\\'},
        {"size": -2e300, "region": None},
    ]
    body = orjson.dumps({"instances": instances}, option=orjson.OPT_INDENT_2)
    record = logged_request(2)._replace(instances=instances, body=body)
    payload = encode_request(record)
    assert body in payload
    assert decode_request(payload) == record._replace(body=None)


def test_probabilities_may_be_an_array() -> None:
    written = logged_request(2)
    values = {name: getattr(written, name) for name in LoggedRequest._fields}
    from_array = LoggedRequest(**{**values, "probabilities": np.array([[0.25, 0.75]] * 2)})
    assert encode_request(from_array) == encode_request(written)


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ["a"]},
        {"predictions": []},
        {"probabilities": [[1.0]]},
        {"instances": None},
        {"project": "7"},
        {"project": None},
        {"at": "yesterday"},
        {"at": 1e40},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    document = orjson.loads(encode_request(logged_request(2))) | changes
    with pytest.raises(ValueError, match="not a logged request"):
        decode_request(orjson.dumps(document))


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{}", b'{"at": 1}', b"\xf5", b"null"])
def test_a_payload_that_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not a logged request"):
        decode_request(payload)


@settings(max_examples=60, deadline=None)
@given(payloads=st.lists(st.tuples(noise, st.binary(max_size=60)), max_size=8), tail=noise)
def test_intact_frames_are_found_between_garbage(
    payloads: Sequence[tuple[bytes, bytes]], tail: bytes
) -> None:
    data = b"".join(garbage + encode_frame(payload) for garbage, payload in payloads)
    scan = scan_frames(data + tail)
    assert scan.payloads == [payload for _, payload in payloads]
    assert scan.torn_bytes == 0
    assert scan.damaged_bytes == sum(len(garbage) for garbage, _ in payloads) + len(tail)


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), data=st.data()
)
def test_a_file_that_ends_anywhere_gives_all_whole_frames_before(
    payloads: list[bytes], data: st.DataObject
) -> None:
    frames = [encode_frame(payload) for payload in payloads]
    cut = data.draw(st.integers(0, sum(map(len, frames))))
    whole = 0
    while whole < len(frames) and sum(map(len, frames[: whole + 1])) <= cut:
        whole += 1
    scan = scan_frames(b"".join(frames)[:cut])
    assert scan.payloads == payloads[:whole]
    assert scan.torn_bytes == cut - sum(map(len, frames[:whole]))
    assert scan.damaged_bytes == 0


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), data=st.data()
)
def test_a_flipped_bit_costs_no_frame_but_its_own(
    payloads: list[bytes], data: st.DataObject
) -> None:
    frames = [encode_frame(payload.replace(b"\xf5", b"-")) for payload in payloads]
    hurt = data.draw(st.integers(0, len(frames) - 1))
    content = bytearray(frames[hurt])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    before = [scan_frames(frame).payloads[0] for frame in frames]
    scan = scan_frames(b"".join([*frames[:hurt], bytes(content), *frames[hurt + 1 :]]))
    assert scan.payloads == before[:hurt] + before[hurt + 1 :]
    assert scan.damaged_bytes + scan.torn_bytes == len(content)


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


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(
        st.tuples(
            st.floats(allow_infinity=False), st.integers(-(2**53), 2**53), st.text(max_size=4)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_many_instances_are_kept_as_numbers_and_read_as_they_were(
    numbers: list[tuple[float, int, str]],
) -> None:
    sizes, ages, words = (list(column) for column in zip(*numbers, strict=True))
    block = FeatureBlock(
        ["size", "age", "word", 'ö"'],
        [np.array(sizes), np.array(ages), words, np.array(sizes[::-1])],
    )
    record = logged_request(len(numbers))._replace(instances=block)
    payload = encode_request(record)
    again = decode_request(payload)
    wanted = [
        {
            "size": None if size != size else size,
            "age": age,
            "word": word,
            'ö"': None if last != last else last,
        }
        for size, age, word, last in zip(sizes, ages, words, sizes[::-1], strict=True)
    ]
    assert again == record._replace(instances=wanted)
    for length in (1, 4, 20, len(payload) - 1):
        with pytest.raises(ValueError, match="not a logged request"):
            decode_request(payload[:length])


def test_a_large_request_is_kept_as_numbers_and_a_small_one_as_it_came() -> None:
    signature = Signature(
        (Field("size", "number"), Field("word", "string", nullable=True)), "regression"
    )

    def kept(words: Sequence[str | None]) -> tuple[Any, bytes | None]:
        rows = [{"size": 1.5, "word": word} for word in words]
        body = orjson.dumps({"instances": rows})
        return KEEP_ALL.kept(None, columns_from_records(signature, rows), body)

    assert kept(["a"] * 3) == (None, orjson.dumps({"instances": [{"size": 1.5, "word": "a"}] * 3}))
    block, body = kept(["a"] * 100)
    assert body is None
    assert block.records() == [{"size": 1.5, "word": "a"}] * 100
    # An empty text and null are the same to a model, and not to the log.
    for words in (["a"] * 99 + [None], ["a"] * 99 + [""]):
        assert kept(words)[0] is None

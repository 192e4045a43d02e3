"""Lines of a body that comes bit by bit."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.line_reader import LineReader

_LINES = st.lists(st.sampled_from([b"", b" ", b"{}", b"1", b"x" * 9, b"x" * 10, b"y" * 25, b"z\r"]))


class Waiting:
    """A body of which so much has come; reading more would wait for ever."""

    def __init__(self, *came: bytes) -> None:
        self._came = io.BytesIO(b"".join(came))
        self.reads = 0

    def more(self, data: bytes) -> None:
        at = self._came.tell()
        self._came.seek(0, io.SEEK_END)
        self._came.write(data)
        self._came.seek(at)

    def read(self, size: int) -> bytes:
        self.reads += 1
        data = self._came.read(size)
        if len(data) < size:
            raise BlockingIOError
        return data


@given(_LINES, st.integers(1, 7), st.booleans(), st.integers(1, 60))
def test_lines_are_those_of_the_body_whatever_is_taken_at_a_time(
    lines: list[bytes], most: int, ends: bool, most_bytes: int
) -> None:
    body = b"\n".join(lines) + (b"\n" if ends else b"")
    reader = LineReader(io.BytesIO(body).read, longest=10)
    found: list[bytes | None] = []
    while taken := reader.take(most, most_bytes=most_bytes):
        assert len(taken) <= most
        found += taken
    plain = [line.removesuffix(b"\r") for line in lines if line.strip()]
    assert found == [line if len(line) <= 10 else None for line in plain]
    assert reader.take(most, most_bytes=most_bytes) == []


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_nobody_waits_for_more_than_the_lines_of_a_batch(batch: int) -> None:
    body = Waiting()
    reader = LineReader(body.read, longest=100)
    for number in range(4):
        lines = [b"%d%d" % (number, place) for place in range(batch)]
        body.more(b"".join(line + b"\n" for line in lines))
        assert reader.take(batch, most_bytes=1000) == lines
    body.more(b"7\n" * (batch - 1))
    with pytest.raises(BlockingIOError):
        reader.take(batch, most_bytes=1000)


def test_the_shortest_lines_of_a_batch_are_enough() -> None:
    assert LineReader(Waiting(b"1\n2\n3\n").read, longest=9).take(3, most_bytes=99) == [
        *(b"1", b"2", b"3")
    ]


def test_a_thousand_lines_take_some_hundred_reads() -> None:
    body = Waiting((b"x" * 100 + b"\n") * 1000)
    reader = LineReader(body.read, longest=100)
    assert len(reader.take(1000, most_bytes=10**6)) == 1000
    assert body.reads < 1000


def test_a_line_without_end_is_not_kept() -> None:
    reader = LineReader(io.BytesIO(b"a" * 10**6 + b"\n" + b"b").read, longest=100)
    assert reader.take(1, most_bytes=1000) == [None]
    assert len(reader._begun) <= 101
    assert reader.take(1, most_bytes=1000) == [b"b"]

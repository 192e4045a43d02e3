"""UUIDs of version 7."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import uuid7, uuid7_hex, uuid7_texts, uuid7_time

ROOT = Path(__file__).resolve().parents[2]


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_the_time_comes_back_to_the_millisecond(unix_ms: int) -> None:
    made = uuid7(unix_ms)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert round(uuid7_time(made).timestamp() * 1000) == unix_ms


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_later_ids_sort_later(unix_ms: int) -> None:
    assert uuid7(unix_ms) < uuid7(unix_ms + 1)


def test_another_version_carries_no_time() -> None:
    with pytest.raises(ValueError, match="not a version 7"):
        uuid7_time(uuid.uuid4())


@pytest.mark.parametrize("count", [1, 2, 63, 64, 1000])
def test_many_ids_at_once_are_distinct_version_7_uuids_of_now(count: int) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    texts = uuid7_texts(count)
    made = [uuid.UUID(text) for text in texts]
    assert [str(one) for one in made] == texts
    assert len(set(made)) == count
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in made)
    assert all(before <= uuid7_time(one) <= datetime.now(UTC) for one in made)
    assert uuid7_texts(0) == []


def test_hexadecimal_ids_are_uuids_of_version_7() -> None:
    made = [uuid.UUID(uuid7_hex()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid.RFC_4122}


_FORKS = """
import os
from core.ids import uuid7_hex
uuid7_hex()
if not os.fork():
    print(" ".join(uuid7_hex()[13:] for _ in range(100)), flush=True)
    os._exit(0)
os.wait()
print(" ".join(uuid7_hex()[13:] for _ in range(100)))
"""


def test_a_child_draws_other_ids_than_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(set(done.stdout.split())) == 200

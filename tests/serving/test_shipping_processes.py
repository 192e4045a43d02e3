"""The shipper as a process, beside writers that are killed and a lake that is broken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from serving.execution.shipping import Shipper
from serving.prediction_log import SegmentWriter, encode_request
from serving.selectors.predictions import log_path
from tests.serving.samples import PROJECT, ids_of, logged_request, shipped_ids

SOURCE = Path(__file__).resolve().parents[2]


_WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from serving.prediction_log import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), segment_seconds=3600)
for payload in sys.stdin.buffer.read().split(b"\\n"):
    writer.append(payload)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.fault
def test_what_a_killed_process_has_written_is_shipped(root: Path) -> None:
    requests = [logged_request() for _ in range(20)]
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, str(root)],
        input=b"\n".join(map(encode_request, requests)),
        cwd=SOURCE,
        check=False,
        timeout=30,
    )
    assert ended.returncode == -signal.SIGKILL
    assert Shipper(root).ship() == 20
    assert shipped_ids() == ids_of(*requests)
    Shipper(root).ship()
    assert [path.name for path in root.iterdir()] == ["shipper.lock"]


@pytest.mark.fault
@pytest.mark.process
def test_the_command_ships_within_seconds_survives_a_broken_lake_and_ends_when_told(
    root: Path, lake_home: Path, transactional_db: None
) -> None:
    place = Path(log_path(PROJECT))
    place.parent.mkdir(parents=True)
    place.write_text("somebody put a file here")
    writer = SegmentWriter(root)
    first, second = logged_request(), logged_request()
    writer.append(encode_request(first))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.child_settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "MLOPS_HOME": str(lake_home),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "ship_predictions"],
        cwd=SOURCE,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "could not be shipped" in line:
                break
        assert process.poll() is None
        priorities = _priorities_of_threads(process.pid)
        place.unlink()
        writer.append(encode_request(second))
        deadline = time.monotonic() + 20
        while len(shipped_ids()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert shipped_ids() == ids_of(first, second)
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 0
    writer.close()
    if sys.platform == "linux":
        assert priorities["python"] == {os.nice(0) + 5, 19}
        assert os.nice(0) + 5 in priorities["tokio-rt-worker"]


def _priorities_of_threads(process_id: int) -> dict[str, set[int]]:
    """Return the niceness of a process's threads, by the names that the operating system has for them."""
    found: dict[str, set[int]] = {}
    for path in Path(f"/proc/{process_id}/task").glob("*/stat"):
        head, _, rest = path.read_text().rpartition(")")
        found.setdefault(head.partition("(")[2], set()).add(int(rest.split()[16]))
    return found

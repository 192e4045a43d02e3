"""The supervisor, with small real processes."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mlops_site.supervisor.backoff import Backoff
from mlops_site.supervisor.children import Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.errors import StopRequested
from mlops_site.supervisor.guard import groups_left
from mlops_site.supervisor.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[2]
FOREVER = "import time\nwhile True: time.sleep(60)"
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
"""
MakeProgram = Callable[..., Program]


def test_waits_double_up_to_a_limit_and_begin_again_after_a_calm_life() -> None:
    backoff = Backoff(first_seconds=1, longest_seconds=5, calm_seconds=60)
    assert [backoff.next_wait_seconds(1) for _ in range(4)] == [1, 2, 4, 5]
    assert backoff.next_wait_seconds(61) == 1


def test_the_guard_knows_which_groups_are_left() -> None:
    assert groups_left(["+1\n", "+2\n", "-1\n", "+3\n", "-9\n", "\n"]) == {2, 3}


def test_a_child_that_dies_is_started_again(
    supervisor: Supervisor, python_program: MakeProgram, output: io.StringIO
) -> None:
    child = supervisor.start(python_program(FOREVER))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert supervisor.wait_until(lambda: child.starts == 2, timeout_seconds=5)
    assert child.is_running
    assert child.pid != first
    assert "child    | was ended by SIGKILL; starting it again in 0.5 s" in output.getvalue()


def test_what_a_dead_server_left_behind_is_killed_too(
    supervisor: Supervisor, python_program: MakeProgram, output: io.StringIO
) -> None:
    code = (
        "import subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('worker', worker.pid, flush=True)\n" + FOREVER
    )
    child = supervisor.start(python_program(code))
    assert supervisor.wait_until(lambda: "worker " in output.getvalue(), timeout_seconds=5)
    worker = psutil.Process(int(output.getvalue().split("worker ")[1].split()[0]))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    assert supervisor.wait_until(lambda: _is_gone(worker), timeout_seconds=5)


def test_a_program_that_ends_by_itself_stays_ended(
    supervisor: Supervisor, python_program: MakeProgram
) -> None:
    child = supervisor.start(python_program("raise SystemExit(3)", restarts=False))
    assert supervisor.wait_until(lambda: not child.is_running, timeout_seconds=5)
    assert child.exit_code == 3
    assert child.starts == 1


def test_all_children_end_within_the_grace_and_the_needed_ones_last(
    supervisor: Supervisor, python_program: MakeProgram, output: io.StringIO
) -> None:
    polite = python_program(FOREVER, name="polite")
    stubborn = python_program(DEAF + FOREVER, name="stubborn")
    needed = python_program(FOREVER, name="needed", stops_last=True)
    children = [supervisor.start(program) for program in (needed, polite, stubborn)]
    assert supervisor.wait_until(lambda: "deaf" in output.getvalue(), timeout_seconds=5)
    began = time.monotonic()
    supervisor.end()
    assert time.monotonic() - began < 4.0
    assert not any(child.is_running for child in children)
    endings = [line.split()[0] for line in output.getvalue().splitlines() if "was ended" in line]
    assert endings == ["polite", "stubborn", "needed"]
    assert "stubborn | did not end in time; killing it" in output.getvalue()


def test_a_second_request_to_stop_does_not_wait(
    supervisor: Supervisor, python_program: MakeProgram, output: io.StringIO
) -> None:
    supervisor.start(python_program(DEAF + FOREVER))
    assert supervisor.wait_until(lambda: "deaf" in output.getvalue(), timeout_seconds=5)
    supervisor.request_stop()
    supervisor.request_stop()
    began = time.monotonic()
    supervisor.end()
    assert time.monotonic() - began < 1.0


def test_a_stop_while_starting_is_noticed(
    supervisor: Supervisor, python_program: MakeProgram
) -> None:
    supervisor.start(python_program(FOREVER))
    supervisor.request_stop()
    with pytest.raises(StopRequested):
        supervisor.wait_until(lambda: False, timeout_seconds=5)


def test_the_children_of_a_killed_supervisor_are_killed(tmp_path: Path) -> None:
    code = f"""
import io, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from mlops_site.supervisor.children import Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.supervision import Supervisor
console = Console(io.StringIO(), coloured=False)
supervisor = Supervisor(console=console, folder=Path({str(tmp_path)!r}))
child = supervisor.start(Program(name="child", command=(sys.executable, "-c", {FOREVER!r})))
print(child.pid, flush=True)
supervisor.run()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    deadline = time.monotonic() + 5
    while not _is_gone(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _is_gone(child)


def test_lines_carry_the_name_of_who_says_them() -> None:
    stream = io.StringIO()
    console = Console(stream, coloured=True)
    console.say("web", "one")
    console.say("worker", "two")
    console.say("web", "three")
    first, second, third = stream.getvalue().splitlines()
    assert first.startswith("\x1b[36mweb      |\x1b[0m one")
    assert second.startswith("\x1b[32mworker   |")
    assert third.startswith("\x1b[36mweb")


def test_a_reader_that_went_away_does_not_matter() -> None:
    stream = io.StringIO()
    console = Console(stream, coloured=False)
    stream.close()
    console.say("web", "nobody reads this")
    console.say("web", "nor this")


def _is_gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True

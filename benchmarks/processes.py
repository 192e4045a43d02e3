"""A part of a benchmark in a process of its own, and how much memory that has at most."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil


def run_measured(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[dict[str, Any], int]:
    """Run a module and return the JSON object of its last line, and its largest resident size.

    The size is that of the process and its children together, looked at fifty times a second.
    """
    command = [sys.executable, "-m", module, *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(environment))
    peak = 0
    while child.poll() is None:
        peak = max(peak, _resident(child.pid))
        time.sleep(0.02)
    output = child.stdout.read() if child.stdout is not None else ""
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with code {child.returncode}")
    told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return told, peak


def _resident(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0

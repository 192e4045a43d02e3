"""A part of a benchmark in a process of its own, and how much memory that has at most."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

_LOOK_SECONDS = 0.2


def run_measured(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[dict[str, Any], int]:
    """Run a module and return the JSON object of its last line, and its largest resident size.

    The size is the largest that the system has seen of the process, and of its children what they have at the
    same time; looked at five times a second, because looking takes time from what is measured.
    """
    command = [sys.executable, "-m", module, *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(environment))
    peak = 0
    while child.poll() is None:
        peak = max(peak, _resident(child.pid))
        time.sleep(_LOOK_SECONDS)
    output = child.stdout.read() if child.stdout is not None else ""
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with code {child.returncode}")
    told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return told, peak


def _resident(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        children = sum(child.memory_info().rss for child in process.children(recursive=True))
        return max(_high_water(pid), process.memory_info().rss) + children
    except psutil.Error:
        return 0


def _high_water(pid: int) -> int:
    """Return the largest resident size so far, as Linux counts it; 0 elsewhere."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0

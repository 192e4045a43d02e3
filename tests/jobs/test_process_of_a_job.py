"""The process of a job ends when its job is concluded, whatever libraries still have in hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import logging, sys, threading, time
import django
django.setup()
from jobs.management.commands.run_job import leave
threading.Thread(target=time.sleep, args=(300,)).start()
sys.stdout.write("said")
leave()
"""


def test_what_is_still_running_is_not_waited_for_and_what_was_said_is_kept(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).resolve().parents[2],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
            "MLOPS_HOME": str(tmp_path),
        },
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "said"), done.stderr
    assert time.monotonic() - began < 100

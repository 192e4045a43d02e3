"""Waiting until what the product has logged is in its lake: the next server shall have the processors for itself."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.serving.contenders import ROOT, Facts, product_environment
from benchmarks.serving.load import Failed
from benchmarks.serving.processes import environment

#: After so long without a request a writer has closed what it had open.
_CLOSED_SECONDS = 1.5
_MOST_SECONDS = 300.0


def ship(facts: Facts) -> None:
    """Move all that is logged into the lake at once.

    Raises
    ------
    Failed
        Something of it stays where it is.
    """
    time.sleep(_CLOSED_SECONDS)
    end = time.monotonic() + _MOST_SECONDS
    while is_waiting(facts):
        # While the product's own shipper is at work, this one leaves everything to it.
        subprocess.run(
            (sys.executable, str(ROOT / "manage.py"), "ship_predictions", "--once"),
            env=environment({**product_environment(facts.folder), "LOG_LEVEL": "ERROR"}),
            capture_output=True,
            check=True,
        )
        _check_time(end)


def wait(facts: Facts) -> float:
    """Return how many seconds it takes until the product's own shipper has moved everything.

    Raises
    ------
    Failed
        It does not.
    """
    began = time.monotonic()
    while is_waiting(facts):
        time.sleep(0.2)
        _check_time(began + _MOST_SECONDS)
    return time.monotonic() - began


def is_waiting(facts: Facts) -> bool:
    """Whether something of the product's log is not in its lake yet."""
    log = facts.folder / "home" / "prediction-log"
    return any(path.stat().st_size for path in log.glob("*/*.closed")) or any(
        path.stat().st_size for path in log.glob("*/*.open")
    )


def _check_time(end: float) -> None:
    if time.monotonic() > end:
        raise Failed(f"the log was not shipped within {_MOST_SECONDS:.0f} seconds")

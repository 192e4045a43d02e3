"""The parent's side of the process in which a file is opened for the first time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_registry.errors import ModelRefused, SandboxFailed

_ROOT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.5
#: What the child may see of our environment: nothing that is a secret.
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What looking at one file may take.

    Attributes
    ----------
    memory_bytes
        Of data; what interpreter and libraries need comes on top of it in the address space only.
    seconds
        Of the clock, and of the processor.
    """

    memory_bytes: int
    seconds: float


def examine(
    data: bytes,
    limits: SandboxLimits,
    *,
    column_count: int | None = None,
    texts: Sequence[Sequence[str] | None] = (),
    on_wait: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return what a file says of itself and what its outputs look like, from a process of its own.

    Parameters
    ----------
    on_wait
        Called twice a second meanwhile; may raise to stop the work.

    Raises
    ------
    ModelRefused
        The file is not run here.
    SandboxFailed
        The process took too long or too much, or died.
    """
    asked = {
        "memory_bytes": limits.memory_bytes,
        "seconds": int(limits.seconds) + 1,
        "column_count": column_count,
        "texts": [None if one is None else list(one) for one in texts],
    }
    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    child = subprocess.Popen(
        [sys.executable, "-m", "models_registry.uploads.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env={**environment, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )
    given: bytes | None = json.dumps(asked).encode() + b"\n" + data
    waited = 0.0
    try:
        while True:
            try:
                said, _ = child.communicate(given, timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                given = None  # it is on its way
                waited += _LOOK_SECONDS
                on_wait()
                if waited >= limits.seconds:
                    raise SandboxFailed(
                        f"Looking at the file took more than {limits.seconds:g} seconds.",
                        field="file",
                    ) from None
    finally:
        _end(child)
    return _read(said, child.returncode)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # it did not read all that was on its way
                pipe.close()


def _read(said: bytes, code: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        raise SandboxFailed(
            f"The process in which the file was opened ended with {how}: the file needs more memory or "
            "time than it may have, or is damaged.",
            field="file",
        ) from None
    if "error" in answer:
        raise ModelRefused(str(answer["error"]["message"]), field=answer["error"]["field"])
    return answer

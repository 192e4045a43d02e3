"""The process in which a file is opened for the first time: ``python -m models_registry.uploads.child``.

In: one line of JSON (limits, number of columns, known texts), then the bytes of the file. Out: one line of JSON,
``{"facts": …, "outputs": …}`` or ``{"error": …}``. The process limits itself before it reads the file: memory and
processor time, no file may grow, no core dump, no new privileges, and, where the kernel allows it, no network.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Any

from core.errors import DomainError

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Look at one file."""
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but the answer may reach the parent
    asked = json.loads(sys.stdin.buffer.readline())
    cut_off = limit_process(memory_bytes=int(asked["memory_bytes"]), seconds=int(asked["seconds"]))
    answer: dict[str, Any]
    try:
        answer = {**_look(sys.stdin.buffer.read(), asked), "network": not cut_off}
    except DomainError as error:
        answer = {"error": {"message": error.message, "field": error.field}}
    except MemoryError:
        answer = {"error": {"message": "The model needs too much memory.", "field": "file"}}
    wire.write(json.dumps(answer).encode() + b"\n")
    wire.flush()
    os._exit(0)  # what a library does at its end is of no interest


def limit_process(*, memory_bytes: int, seconds: int) -> bool:
    """Let the system end this process when it takes too much; return whether the network is cut off."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return int(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)) == 0
    except (OSError, AttributeError):  # no Linux
        return False


def _look(data: bytes, asked: dict[str, Any]) -> dict[str, Any]:
    from models_registry.uploads.inspection import inspect
    from models_registry.uploads.probing import probe

    facts = inspect(data)
    outputs = probe(data, facts, column_count=asked["column_count"], texts=list(asked["texts"]))
    return {"facts": facts, "outputs": outputs}


if __name__ == "__main__":
    main()

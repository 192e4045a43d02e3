"""The server of a bundle as a process of its own, on a port of this machine."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from jobs.execution import JobContext
from serving.errors import ExportDisproved, ExportNotPossible
from serving.exporting.manifests import READY_PATH

_LOOK_SECONDS = 0.1
_END_SECONDS = 10.0
_ASK_INTERPRETER = """
import importlib.metadata, json, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps([platform.python_version(), version("granian"), version(sys.argv[1] or "granian")]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can run a bundle's server.

    Attributes
    ----------
    framework_version
        Empty when the framework is not installed there.
    """

    path: str
    version: str
    framework_version: str

    @property
    def has_framework(self) -> bool:
        """Whether the server runs with its framework, and not as plain WSGI."""
        return bool(self.framework_version)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready; ``seconds`` is how long it took."""

    address: str
    seconds: float


def interpreter(framework: str) -> Interpreter:
    """Return the first of the interpreter that the settings name (``EXPORT_PYTHON``) and this one that has a framework.

    When neither has it, the first is returned all the same: it can run the server as plain WSGI.

    Raises
    ------
    ExportNotPossible
        The one that the settings name does not run, or has no granian.
    """
    paths = [path for path in (settings.EXPORT_PYTHON, sys.executable) if path]
    found = [_look(path, framework) for path in paths]
    return next((one for one in found if one.has_framework), found[0])


@functools.lru_cache(maxsize=8)
def _look(path: str, framework: str) -> Interpreter:
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK_INTERPRETER, framework],
            capture_output=True,
            text=True,
            timeout=60.0,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ExportNotPossible(
            f"The interpreter of EXPORT_PYTHON does not run: {error}"
        ) from error
    version, granian, framework_version = json.loads(done.stdout)
    if not granian:
        raise ExportNotPossible("The interpreter of EXPORT_PYTHON has no granian.")
    return Interpreter(path, version, framework_version)


@contextmanager
def running(
    folder: Path, python: Interpreter, *, context: JobContext, log: Path
) -> Iterator[Running]:
    """Start the server of an unpacked bundle and end it, and all that it started, afterwards.

    It gets nothing of this process's environment. It ends with its standard input, so also when this process is
    killed.

    Raises
    ------
    ExportDisproved
        It ended by itself, or was not ready in time.
    JobCancelled
        Somebody asked for the job to stop while it was starting.
    """
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [python.path, "-I", "-B", "serve.py", "--end-with-stdin"]
    if not python.has_framework:
        command.append("--plain")
    began = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={
                "HOME": str(folder),
                "HOST": "127.0.0.1",
                "LC_ALL": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
                "PATH": os.defpath,
                "PORT": str(port),
            },
        )
    try:
        _wait(process, address, began, context)
        yield Running(address, time.monotonic() - began)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(
    process: subprocess.Popen[bytes], address: str, began: float, context: JobContext
) -> None:
    while not _is_ready(address):
        context.progress(0.3, "starting the server")
        if process.poll() is not None:
            raise ExportDisproved(
                f"The server of the bundle ended with code {process.returncode}; the job's log has its words."
            )
        if time.monotonic() - began > settings.EXPORT_START_SECONDS:
            raise ExportDisproved(
                f"The server of the bundle was not ready after {settings.EXPORT_START_SECONDS:g} s."
            )
        time.sleep(_LOOK_SECONDS)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + READY_PATH, timeout=2.0) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server: first politely, by closing its input."""
    try:
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
    except psutil.NoSuchProcess:
        family = []
    assert process.stdin is not None
    process.stdin.close()
    process.terminate()
    psutil.wait_procs(family, timeout=_END_SECONDS)
    for member in family:
        if member.is_running():
            member.kill()
    process.wait()

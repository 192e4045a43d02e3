"""The launcher as a module, and a place to supervise small processes in."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mlops_site.supervisor.children import Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The `mlops` script as a module, with a virtual environment in a folder of the test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("mlops_launcher", str(ROOT / "mlops"))
    spec = importlib.util.spec_from_loader("mlops_launcher", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(module, "PYTHON", str(tmp_path / "venv" / "bin" / "python"))
    return module


@pytest.fixture
def output() -> io.StringIO:
    """What the supervisor and its children say."""
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO, tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor with a short patience, ended after the test."""
    made = Supervisor(
        console=Console(output, coloured=False),
        folder=tmp_path,
        grace_seconds=2.0,
        last_grace_seconds=1.0,
    )
    yield made
    made.end()


@pytest.fixture
def python_program() -> Callable[..., Program]:
    """Return a function that makes a program of a few lines of Python."""

    def make(
        code: str, *, name: str = "child", restarts: bool = True, stops_last: bool = False
    ) -> Program:
        command = (sys.executable, "-I", "-S", "-c", code)
        return Program(name=name, command=command, restarts=restarts, stops_last=stops_last)

    return make

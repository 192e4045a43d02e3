"""Virtual environments of the other servers, made once and kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving.contenders import Contender

#: What unpickles the pipeline must be what fitted it.
_SAME = ("scikit-learn", "numpy", "joblib")
_SECONDS = 1800


class CannotInstall(Exception):
    """A contender's packages are not to be had; the text says why."""


def python_of(contender: Contender, home: Path) -> str:
    """Return the interpreter in which a contender runs, with its packages installed.

    Raises
    ------
    CannotInstall
        They are not to be had.
    """
    if not contender.packages:
        return sys.executable
    wanted = [*contender.packages, "pandas", *(f"{name}=={version(name)}" for name in _SAME)]
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:8]
    folder = home / f"{contender.name}-{digest}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return str(python)
    print(f"installing {', '.join(contender.packages)} in {folder}", file=sys.stderr)
    uv = (sys.executable, "-m", "uv", "--quiet")
    for command in (
        (*uv, "venv", "--clear", "--python", sys.executable, str(folder)),
        (*uv, "pip", "install", "--python", str(python), *wanted),
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.CalledProcessError as error:
            raise CannotInstall(error.stderr.strip()[-500:]) from error
        except subprocess.TimeoutExpired as error:
            raise CannotInstall(f"it took more than {_SECONDS} seconds") from error
    done.touch()
    return str(python)

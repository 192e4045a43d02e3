"""The data folder: made private, used by one ``up`` at a time, emptied only when it is ours."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import TextIO

from mlops_site.supervisor.errors import CannotStart

_LOCK = "up.lock"


class Home:
    """A data folder.

    Parameters
    ----------
    path
        The folder (``MLOPS_HOME``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    @property
    def was_used(self) -> bool:
        """Whether a site was started on this folder before."""
        return (self.path / _LOCK).exists()

    def make(self) -> None:
        """Make the folder, for this user only.

        Raises
        ------
        CannotStart
            The folder cannot be made or written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
        except OSError as error:
            raise CannotStart(f"The data folder {self.path} cannot be used: {error}") from error

    def lock(self) -> None:
        """Keep every other ``up`` off this folder until this process ends.

        Raises
        ------
        CannotStart
            Another ``up`` runs on it.
        """
        lock = (self.path / _LOCK).open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            who = lock.read().strip() or "unknown"
            lock.close()
            raise CannotStart(
                f"The site runs already on {self.path} (process {who}). Stop that one, or start "
                "another site on a folder of its own with --home."
            ) from error
        self._lock = lock
        self.note(str(os.getpid()))

    def unlock(self) -> None:
        """Let another ``up`` use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def note(self, text: str) -> None:
        """Write into the lock who holds it, for the message to others."""
        assert self._lock is not None
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(text)
        self._lock.flush()

    def empty(self) -> None:
        """Delete everything in the folder but the lock, which must be held.

        Raises
        ------
        CannotStart
            Something could not be deleted.
        """
        assert self._lock is not None
        try:
            for entry in self.path.iterdir():
                if entry.name == _LOCK:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        except OSError as error:
            raise CannotStart(f"The data folder could not be emptied: {error}") from error

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only this user may read; a half-written one is never seen."""
        path = self.path / name
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
        return path

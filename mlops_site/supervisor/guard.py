"""The guard: a tiny process that ends the others when the supervisor is killed without a word.

It holds the read end of a pipe. The supervisor writes ``+ID`` for each process group that it
starts and ``-ID`` for each that has ended; when the pipe closes, the supervisor is gone, and the
guard kills what is left. A server's own worker processes belong to its group, so they go too.
Run as a script, without Django.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def groups_left(lines: Iterable[str]) -> set[int]:
    """Read to the end of what the supervisor says and return the groups that are still there.

    Examples
    --------
    >>> groups_left(["+10", "+11", "-10"])
    {11}
    """
    groups: set[int] = set()
    for line in lines:
        sign, number = line[:1], line[1:].strip()
        if sign == "+":
            groups.add(int(number))
        elif sign == "-":
            groups.discard(int(number))
    return groups


def kill_groups(groups: Iterable[int]) -> None:
    """Kill process groups; one that is gone already is fine."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


class Guard:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal must not end it before the others
            text=True,
        )

    @property
    def pid(self) -> int:
        """The guard's own process id."""
        return self._process.pid

    def watch(self, group: int) -> None:
        """Kill this process group if the supervisor dies."""
        self._say(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The process group has ended; its number may come to belong to somebody else."""
        self._say(f"-{group}\n")

    def close(self) -> None:
        """End the guard."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=5)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        # A guard that somebody killed is a loss of safety, not a reason to take the site down.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()


def main() -> None:
    """Wait for the supervisor's end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kill_groups(groups_left(sys.stdin))


if __name__ == "__main__":
    main()

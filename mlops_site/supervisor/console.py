"""One terminal for many processes: whole lines, each with the name of who says it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import IO, TextIO

_COLOURS = (36, 32, 33, 35, 34, 31)
_WIDTH = 8


class Console:
    """Writes prefixed lines; safe to call from several threads.

    Parameters
    ----------
    stream
        Where the lines go.
    coloured
        Whether names are coloured.
    """

    def __init__(self, stream: TextIO, *, coloured: bool) -> None:
        self._stream = stream
        self._coloured = coloured
        self._lock = threading.Lock()
        self._colour_of: dict[str, int] = {}
        self._nobody_reads = False

    def say(self, name: str, line: str) -> None:
        """Write one line in the name of a process."""
        label = f"{name:<{_WIDTH}} |"
        if self._coloured:
            colour = self._colour_of.setdefault(
                name, _COLOURS[len(self._colour_of) % len(_COLOURS)]
            )
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._write(f"{label} {line}\n")

    def show(self, text: str) -> None:
        """Write a text of several lines as it is, with nothing in between."""
        self._write(text if text.endswith("\n") else text + "\n")

    def pump(self, name: str, source: IO[bytes]) -> threading.Thread:
        """Pass on what a process writes, from a thread of its own, until it writes no more."""
        thread = threading.Thread(
            target=self._pump, args=(name, source), name=f"output of {name}", daemon=True
        )
        thread.start()
        return thread

    def _pump(self, name: str, source: IO[bytes]) -> None:
        with source:
            for line in source:
                self.say(name, line.decode("utf-8", "replace").rstrip())

    def _write(self, text: str) -> None:
        with self._lock:
            if self._nobody_reads:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                # The reader went away (`up | head`): the site does not depend on being watched.
                self._nobody_reads = True


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to use colour: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

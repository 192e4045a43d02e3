"""Lines of a body that comes bit by bit, read so that nobody waits for more than he needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

ReadBytes = Callable[[int], bytes]
"""Returns so many bytes, waiting for them; fewer, or none, when the body ends before."""

#: The shortest line that is not blank: a character and the end.
_SHORTEST = 2


class LineReader:
    """Cuts a body into lines.

    A server's ``read(n)`` waits for n bytes, and its ``readline`` is not to be trusted with a body that is still
    coming: granian's returns nothing when no line is there yet, as if the body had ended. So bytes are asked for, and
    never more than have to come before the wanted lines can be whole: k lines that are not blank have 2k bytes at
    least. A client that waits for its answer before it sends the next line is answered; a thousand lines
    together are read in some hundred steps.

    Parameters
    ----------
    longest
        Bytes of the longest line, its end not counted; of a longer one nothing is kept.
    """

    def __init__(self, read: ReadBytes, *, longest: int) -> None:
        self._read = read
        self._longest = longest
        self._whole: deque[bytes | None] = deque()
        self._begun = bytearray()
        self._is_too_long = False
        self._has_ended = False

    def take(self, most: int, *, most_bytes: int) -> list[bytes | None]:
        """Return the next lines that are not blank, without their ends; none at the end of the body.

        Parameters
        ----------
        most
            So many lines, or fewer at the end.
        most_bytes
            No further line is taken when those before have so many bytes.

        Returns
        -------
        list
            None stands for a line that is too long.
        """
        lines: list[bytes | None] = []
        size = 0
        while len(lines) < most and size < most_bytes:
            if self._whole:
                line = self._whole.popleft()
                lines.append(line)
                size += 0 if line is None else len(line)
            elif self._has_ended:
                break
            else:
                self._read_towards(most - len(lines))
        return lines

    def _read_towards(self, lines: int) -> None:
        """Read what must come at least before so many lines are whole."""
        needed = _SHORTEST * lines
        if self._begun or self._is_too_long:
            needed -= 1
        data = self._read(needed)
        if not data:
            self._has_ended = True
            self._end_line()
            return
        first, *others = data.split(b"\n")
        self._go_on(first)
        for piece in others:
            self._end_line()
            self._go_on(piece)

    def _go_on(self, piece: bytes) -> None:
        """Add to the line that has begun."""
        if self._is_too_long:
            return
        self._begun += piece
        # A carriage return may belong to the end.
        if len(self._begun) > self._longest + 1:
            self._is_too_long = True
            self._begun.clear()

    def _end_line(self) -> None:
        line = None if self._is_too_long else bytes(self._begun.removesuffix(b"\r"))
        self._is_too_long = False
        self._begun.clear()
        if line is None or len(line) > self._longest:
            self._whole.append(None)
        elif line.strip():
            self._whole.append(line)

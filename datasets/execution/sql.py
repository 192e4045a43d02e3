"""Carrying out a statement of a user in a process of its own.

The process knows nothing but the files of the versions that the statement names and the caller may
read; it is killed when it takes too long or too much.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from core.errors import DomainError
from datasets.engine.tables import TableSource
from datasets.errors import (
    SqlFailed,
    SqlOutOfMemory,
    SqlProcessFailed,
    SqlRefused,
    SqlTimedOut,
)
from datasets.sandbox.child import error_from_wire, source_to_wire
from datasets.sandbox.statement import NamedTable, where

logger = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "datasets.sandbox.child")
#: What the process may take beyond the time of the statement: to start, to look up files, to stop.
_GRACE_SECONDS = 20.0
_MOST_ANSWER_BYTES = 256 * 1024**2
#: How long a process that answers no more may take to end.
_ENDING_SECONDS = 5.0
#: How a process ends that got no memory: by the system, or by a library that cannot go on.
_MEMORY_SIGNALS = frozenset({signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS})
_MEMORY_MARKS = ("MemoryError", "bad_alloc", "Cannot allocate memory", "can't start new thread")
_LOGGED_BYTES = 8_192
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")
#: Where the object store's client looks for its access.
_STORE_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "OBJECT_STORE_", "SSL_CERT")

Resolve = Callable[[str], TableSource | None]
"""Gives where a named table lies; None when there is none that the caller may read."""


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column of a result; ``type`` in the engine's words, e.g. ``DOUBLE``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class SqlResult:
    """What a statement gave.

    Attributes
    ----------
    rows
        JSON-compatible values in the order of ``columns``.
    is_truncated
        Whether there were more rows than were asked for, or more than fit.
    tables
        The tables that were read.
    seconds
        How long it took, the start of the process included.
    """

    columns: tuple[SqlColumn, ...]
    rows: list[list[Any]] = field(repr=False)
    is_truncated: bool
    tables: tuple[str, ...]
    seconds: float


def run_statement(*, query: str, row_limit: int, resolve: Resolve) -> SqlResult:
    """Carry out one statement.

    Raises
    ------
    SqlRefused, SqlFailed, SqlTimedOut, SqlOutOfMemory
        As their names say; where it is known, with ``position``, ``line`` and ``column``.
    SqlProcessFailed
        The process ended for a reason of its own.
    """
    started = time.monotonic()
    scratch_root = Path(settings.SCRATCH_ROOT)
    scratch_root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="sql-", dir=scratch_root))
    child = _Child(scratch, deadline=started + settings.SQL_SECONDS + _GRACE_SECONDS)
    try:
        asked = child.ask(
            {
                "query": query,
                "rows": row_limit,
                "result_bytes": settings.SQL_RESULT_BYTES,
                "seconds": settings.SQL_SECONDS,
                "memory_bytes": settings.SQL_MEMORY_BYTES,
                "threads": settings.SQL_THREADS,
                "spill_folder": str(scratch / "spill"),
                "spill_bytes": settings.SQL_SPILL_BYTES,
                "is_local": "://" not in str(settings.LAKE_ROOT),
            }
        )
        named = [NamedTable(one["name"], one["offset"]) for one in asked["tables"]]
        sources = _sources(query, named, asked["local_names"], resolve)
        answer = child.ask({"sources": {n: source_to_wire(one) for n, one in sources.items()}})
    finally:
        child.end()
        shutil.rmtree(scratch, ignore_errors=True)
    return SqlResult(
        columns=tuple(SqlColumn(one["name"], one["type"]) for one in answer["columns"]),
        rows=answer["rows"],
        is_truncated=answer["truncated"],
        tables=tuple(sources),
        seconds=time.monotonic() - started,
    )


def _sources(
    query: str, named: Sequence[NamedTable], local_names: Sequence[str], resolve: Resolve
) -> dict[str, TableSource]:
    """Return where the named tables lie; names that the statement defines itself need not lie anywhere."""
    local = {name.lower() for name in local_names}
    found: dict[str, TableSource] = {}
    for table in named:
        if table.name in found:
            continue
        source = resolve(table.name)
        if source is None:
            if table.name.lower() in local:
                continue
            raise SqlFailed(
                f"There is no dataset {table.name[:200]!r} that can be read here.",
                field="query",
                **where(query, table.offset),
            )
        twin = next((name for name in found if name.lower() == table.name.lower()), None)
        if twin is None:
            found[table.name] = source.with_files()
        elif found[twin] != source.with_files():
            raise SqlRefused(
                f"{twin!r} and {table.name!r} differ in upper and lower case only; one statement "
                "cannot tell them apart.",
                field="query",
                **where(query, table.offset),
            )
    return found


class _Child:
    """The process, spoken to line by line, with an end to all patience."""

    def __init__(self, scratch: Path, *, deadline: float) -> None:
        self._deadline = deadline
        self._log = (scratch / "log").open("w+b")
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=settings.BASE_DIR,
            env=_environment(scratch),
            start_new_session=True,
        )

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send one line, and return the line that comes back.

        Raises
        ------
        DomainError
            The child refused.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        answer: dict[str, Any] = json.loads(self._line())
        if "error" in answer:
            raise error_from_wire(answer["error"])
        return answer

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        parts: list[bytes] = []
        size = 0
        with selectors.DefaultSelector() as waiting:
            waiting.register(number, selectors.EVENT_READ)
            while True:
                if not waiting.select(max(0.0, self._deadline - time.monotonic())):
                    raise SqlTimedOut(
                        f"The statement was stopped after {settings.SQL_SECONDS:g} s.",
                        field="query",
                    )
                part = os.read(number, 1 << 20)
                if not part:
                    raise self._died()
                parts.append(part)
                size += len(part)
                if part.endswith(b"\n"):
                    return b"".join(parts)
                if size > _MOST_ANSWER_BYTES:
                    raise SqlOutOfMemory("The result is too large.", field="query")

    def _died(self) -> DomainError:
        """Return the refusal for a child that ended without an answer, as the way in which it ended tells."""
        try:
            status: int | None = self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        said = self._last_words()
        if status == -signal.SIGXCPU:
            return SqlTimedOut("The statement was stopped: it took too long.", field="query")
        is_killed = status is not None and -status in _MEMORY_SIGNALS
        if is_killed or any(mark in said for mark in _MEMORY_MARKS):
            logger.warning("an SQL process was out of memory (status %s): %s", status, said)
            return SqlOutOfMemory(
                "The statement needed more memory than it may have, and was stopped.", field="query"
            )
        logger.error("an SQL process ended without an answer (status %s): %s", status, said)
        return SqlProcessFailed(
            "The process that carries out statements ended without an answer. The server's log says why."
        )

    def _last_words(self) -> str:
        """Return the end of what the child wrote to its standard error."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOGGED_BYTES))
        return self._log.read().decode(errors="replace").strip()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


def _environment(scratch: Path) -> dict[str, str]:
    """Return the variables that the child sees: none of the product's secrets."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    if "://" in str(settings.LAKE_ROOT):
        kept |= {k: v for k, v in os.environ.items() if k.startswith(_STORE_PREFIXES)}
    return {**kept, "HOME": str(scratch), "TMPDIR": str(scratch), "MALLOC_ARENA_MAX": "2"}

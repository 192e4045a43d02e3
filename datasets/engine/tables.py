"""Pinned Delta versions as tables of a DuckDB connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from datasets.engine.quoting import identifier, literal
from datasets.lake.scanning import scan

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class TableSource:
    """Where the rows of one version lie.

    Attributes
    ----------
    path
        Address of the Delta table.
    delta_version
        The version of it that is read.
    columns
        The columns that can be seen.
    files
        The local Parquet files that hold the rows, when they have been looked up already.
    store
        How to reach the object storage, in the words of the Delta engine; with the key, so it is not shown.
    """

    path: str
    delta_version: int
    columns: tuple[str, ...]
    files: tuple[str, ...] | None = None
    store: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether the files are on a disk of this machine."""
        return "://" not in self.path

    def with_files(self) -> TableSource:
        """Return the source with its local files looked up; unchanged in object storage."""
        if not self.is_local or self.files is not None:
            return self
        return replace(self, files=tuple(unquote(uri) for uri in self._open().file_uris()))

    def _open(self) -> Any:
        from deltalake import DeltaTable

        options = None if self.store is None else dict(self.store)
        return DeltaTable(self.path, version=self.delta_version, storage_options=options)

    def attach(
        self,
        connection: DuckDBPyConnection,
        name: str,
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Make the rows known to a connection under a name.

        Local files are read by the engine itself, which skips what its statistics rule out; rows in
        object storage come through Arrow.

        Parameters
        ----------
        columns
            Which columns; those that can be seen, when absent.
        """
        listed = ", ".join(identifier(column) for column in columns or self.columns)
        if self.is_local:
            paths = ", ".join(literal(path) for path in self.with_files().files or ())
            rows = f"read_parquet([{paths}], hive_partitioning = false)"
        else:
            inner = f"__arrow__{name}"
            connection.register(inner, scan(self._open()))
            rows = identifier(inner)
        connection.execute(f"CREATE VIEW {identifier(name)} AS SELECT {listed} FROM {rows}")  # noqa: S608


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one connection may use.

    Attributes
    ----------
    memory_bytes
        Main memory; sorting and joining go to ``spill_folder`` beyond it.
    spill_folder
        Where that is; None forbids it.
    spill_bytes
        How much may lie there.
    """

    memory_bytes: int
    threads: int = 2
    spill_folder: str | None = None
    spill_bytes: int = 0


def connect(limits: EngineLimits) -> DuckDBPyConnection:
    """Open an empty database in memory that loads no extension and sees no Python variable."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{limits.memory_bytes}B",
            "threads": str(limits.threads),
            "temp_directory": limits.spill_folder or "",
            "max_temp_directory_size": f"{limits.spill_bytes}B",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def interrupted_after(connection: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what the connection does when it takes longer; it raises then."""
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

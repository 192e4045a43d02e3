"""Which rows came, went or changed between two versions.

With a key, a row is the same one in both versions when its key is; nulls count as a value like any other.
Rows whose key occurs twice in either version cannot be told apart: they are counted as duplicates and
left out of everything else. Without a key, versions are compared as multisets of whole rows, over the
columns that both have.

A column that is a whole number here and a number there is compared as numbers, to the last digit; one that changed its
type in another way as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Any

from datasets.engine.quoting import identifier
from datasets.engine.tables import TableSource
from datasets.errors import NotComparable
from datasets.schema import ColumnType, Schema

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 20
_ROW = "__row__"
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Side:
    """One version: its rows (their number included), its schema and how many rows it has."""

    source: TableSource
    schema: Schema
    row_count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RowChanges:
    """Counts, and numbers of sample rows; no value of any row.

    Attributes
    ----------
    key
        The key columns; empty: whole rows were compared.
    shortcut
        ``append`` when the log showed that rows were only added, ``identical`` when the digests are
        equal, empty when rows were compared.
    added, removed, changed, unchanged
        Rows. Without a key nothing is ``changed``.
    changed_cells
        For each column how many of the changed rows differ in it.
    duplicate_keys, duplicate_base_rows, duplicate_other_rows
        Keys that occur twice in either version, and how many rows have them.
    added_sample, removed_sample
        Numbers of rows, of the other and of the base version.
    changed_sample
        Pairs of them: base, other.
    changed_sample_columns
        For each pair the columns that ``changed_cells`` counts for it.
    duplicate_sample
        Numbers of rows of the other version, else of the base version, one for each key; with
        ``duplicate_sample_is_base`` saying which.
    """

    key: tuple[str, ...]
    shortcut: str
    base_rows: int
    other_rows: int
    added: int
    removed: int
    changed: int
    unchanged: int
    changed_cells: dict[str, int] = field(default_factory=dict)
    duplicate_keys: int = 0
    duplicate_base_rows: int = 0
    duplicate_other_rows: int = 0
    added_sample: tuple[int, ...] = ()
    removed_sample: tuple[int, ...] = ()
    changed_sample: tuple[tuple[int, int], ...] = ()
    changed_sample_columns: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the changes as JSON-compatible values."""
        return {
            "key": list(self.key),
            "shortcut": self.shortcut,
            "base_rows": self.base_rows,
            "other_rows": self.other_rows,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "changed_cells": self.changed_cells,
            "duplicate_keys": self.duplicate_keys,
            "duplicate_base_rows": self.duplicate_base_rows,
            "duplicate_other_rows": self.duplicate_other_rows,
            "added_sample": list(self.added_sample),
            "removed_sample": list(self.removed_sample),
            "changed_sample": [list(pair) for pair in self.changed_sample],
            "changed_sample_columns": [list(names) for names in self.changed_sample_columns],
        }


def compare_rows(
    connection: DuckDBPyConnection,
    base: Side,
    other: Side,
    key: Sequence[str],
    *,
    progress: Progress,
) -> RowChanges:
    """Return how the rows of ``other`` differ from those of ``base``.

    Memory is what the connection may use; beyond it the engine works on disk.

    Raises
    ------
    NotComparable
        A key column is missing in one of the versions.
    """
    missing = [name for name in key if name not in base.schema or name not in other.schema]
    if missing:
        raise NotComparable(f"Both versions need the key column {missing[0]!r}.", field="key")
    common = [name for name in base.schema.names if name in other.schema]
    base.source.attach(connection, "base_rows")
    other.source.attach(connection, "other_rows")
    work = _Work(connection, base, other, list(key), [n for n in common if n not in key])
    work.make_views()
    progress(0.05, "comparing")
    return work.by_key(progress) if key else work.as_multisets(progress)


class _Work:
    """The comparison of two versions, step by step; ``a`` is the base, ``b`` the other version."""

    def __init__(
        self,
        connection: DuckDBPyConnection,
        base: Side,
        other: Side,
        key: list[str],
        compared: list[str],
    ) -> None:
        self._connection = connection
        self._base, self._other = base, other
        self._key, self._compared = key, compared
        self._k = [f"k{i}" for i in range(len(key))]
        self._c = [f"c{i}" for i in range(len(compared))]

    def make_views(self) -> None:
        """Give keys and compared columns short names and types in which they can be compared."""
        for view, table, schema in (
            ("a", "base_rows", self._base.schema),
            ("b", "other_rows", self._other.schema),
        ):
            parts = [_ROW]
            for letter, names in (("k", self._key), ("c", self._compared)):
                parts += [
                    f"{self._expression(name, schema.column(name).type)} AS {letter}{i}"
                    for i, name in enumerate(names)
                ]
            self._run(f"CREATE VIEW {view} AS SELECT {', '.join(parts)} FROM {table}")  # noqa: S608

    def _expression(self, name: str, type_: ColumnType) -> str:
        types = [side.schema.column(name).type for side in (self._base, self._other)]
        if types[0] is types[1]:
            return identifier(name)
        text = f"CAST({identifier(name)} AS VARCHAR)"
        if set(types) != {ColumnType.INTEGER, ColumnType.NUMBER} or type_ is ColumnType.INTEGER:
            return text
        # Not as doubles, to which 2^53 and 2^53 + 1 are the same.
        value = identifier(name)
        whole = f"{value} = floor({value}) AND {value} >= -pow(2, 63) AND {value} < pow(2, 63)"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE {text} END"

    def _run(self, sql: str) -> None:
        self._connection.execute(sql)

    def _one(self, sql: str) -> tuple[Any, ...]:
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return tuple(row)

    @property
    def _is_same_shape(self) -> bool:
        mine = [(c.name, c.type) for c in self._base.schema]
        return mine == [(c.name, c.type) for c in self._other.schema]

    @property
    def _shortcut(self) -> str:
        """What is known without comparing rows."""
        if not self._is_same_shape:
            return ""
        if self._base.sha256 == self._other.sha256:
            return "identical"
        before, after = self._base.source.files, self._other.source.files
        if before and after and set(before) < set(after):
            return "append"
        return ""

    def by_key(self, progress: Progress) -> RowChanges:
        """Compare rows with the same key."""
        keys = ", ".join(self._k)
        twice = f"GROUP BY {keys} HAVING count(*) > 1"
        self._run(
            f"CREATE TEMP TABLE twice AS SELECT {keys} FROM a {twice} "  # noqa: S608
            f"UNION SELECT {keys} FROM b {twice}"
        )
        duplicates = int(self._one("SELECT count(*) FROM twice")[0])
        progress(0.3, "comparing")
        if not duplicates and self._shortcut:
            return self._known(self._shortcut)
        for view in ("a", "b"):
            kept = f"ANTI JOIN twice ON {self._same_key(view, 'twice')}" if duplicates else ""
            self._run(f"CREATE VIEW {view}1 AS SELECT {view}.* FROM {view} {kept}")  # noqa: S608
        a_rows = self._count("a1") if duplicates else self._base.row_count
        b_rows = self._count("b1") if duplicates else self._other.row_count
        added, added_sample = self._only_in("b1", "a1")
        progress(0.5, "comparing")
        removed, removed_sample = self._only_in("a1", "b1")
        progress(0.6, "comparing")
        changed, cells, pairs = self._changed()
        progress(0.95, "comparing")
        return RowChanges(
            key=tuple(self._key),
            shortcut="",
            base_rows=self._base.row_count,
            other_rows=self._other.row_count,
            added=added,
            removed=removed,
            changed=changed,
            unchanged=a_rows - removed - changed,
            changed_cells=cells,
            duplicate_keys=duplicates,
            duplicate_base_rows=self._base.row_count - a_rows,
            duplicate_other_rows=self._other.row_count - b_rows,
            added_sample=added_sample,
            removed_sample=removed_sample,
            changed_sample=tuple((base, other) for base, other, _ in pairs),
            changed_sample_columns=tuple(names for _, _, names in pairs),
        )

    def _same_key(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{k} IS NOT DISTINCT FROM {right}.{k}" for k in self._k)

    def _count(self, view: str) -> int:
        return int(self._one(f"SELECT count(*) FROM {view}")[0])  # noqa: S608

    def _only_in(self, view: str, not_in: str) -> tuple[int, tuple[int, ...]]:
        count, sample = self._one(
            f"SELECT count(*), min({_ROW}, {SAMPLE_ROWS}) FROM {view} "  # noqa: S608
            f"ANTI JOIN {not_in} ON {self._same_key(view, not_in)}"
        )
        return int(count), tuple(int(number) for number in sample or ())

    def _changed(self) -> tuple[int, dict[str, int], list[tuple[int, int, tuple[str, ...]]]]:
        """Return changed rows, changed cells of each column, and some pairs of rows with what differs in them."""
        if not self._c:
            return 0, {}, []
        differs = [f"a1.{c} IS DISTINCT FROM b1.{c}" for c in self._c]
        flags = ", ".join(f"{text} AS {c}" for text, c in zip(differs, self._c, strict=True))
        self._run(
            f"CREATE TEMP TABLE changes AS SELECT a1.{_ROW} AS ar, b1.{_ROW} AS br, {flags} "  # noqa: S608
            f"FROM a1 JOIN b1 ON {self._same_key('a1', 'b1')} WHERE {' OR '.join(differs)}"
        )
        sums = ", ".join(f"count(*) FILTER ({c})" for c in self._c)
        count, *cells = self._one(f"SELECT count(*), {sums} FROM changes")  # noqa: S608
        sample = self._connection.execute(
            f"SELECT ar, br, {', '.join(self._c)} FROM changes ORDER BY br LIMIT {SAMPLE_ROWS}"  # noqa: S608
        ).fetchall()
        named = zip(self._compared, cells, strict=True)
        return (
            int(count),
            {name: int(number) for name, number in named if number},
            [(int(a), int(b), tuple(compress(self._compared, flags))) for a, b, *flags in sample],
        )

    def as_multisets(self, progress: Progress) -> RowChanges:
        """Compare whole rows: how often each occurs here and there."""
        if self._shortcut:
            return self._known(self._shortcut)
        columns = "".join(f"{c}, " for c in self._c)
        group = f"GROUP BY {', '.join(self._c)}" if self._c else ""
        self._run(
            "CREATE TEMP TABLE delta AS SELECT sum(side) AS d, "  # noqa: S608
            f"min({_ROW}) FILTER (side = -1) AS ar, min({_ROW}) FILTER (side = 1) AS br FROM ("
            f"SELECT {columns}{_ROW}, 1 AS side FROM b UNION ALL SELECT {columns}{_ROW}, -1 FROM a) "
            f"{group} HAVING sum(side) <> 0"
        )
        progress(0.9, "comparing")
        added, removed, came, went = self._one(
            "SELECT coalesce(sum(d) FILTER (d > 0), 0), coalesce(-sum(d) FILTER (d < 0), 0), "  # noqa: S608
            f"min(br, {SAMPLE_ROWS}) FILTER (d > 0), min(ar, {SAMPLE_ROWS}) FILTER (d < 0) FROM delta"
        )
        return RowChanges(
            key=(),
            shortcut="",
            base_rows=self._base.row_count,
            other_rows=self._other.row_count,
            added=int(added),
            removed=int(removed),
            changed=0,
            unchanged=self._base.row_count - int(removed),
            added_sample=tuple(int(number) for number in came or ()),
            removed_sample=tuple(int(number) for number in went or ()),
        )

    def _known(self, shortcut: str) -> RowChanges:
        """Return what the log and the digests say: rows were added behind the others, or nothing happened."""
        first, total = self._base.row_count, self._other.row_count
        return RowChanges(
            key=tuple(self._key),
            shortcut=shortcut,
            base_rows=first,
            other_rows=total,
            added=total - first,
            removed=0,
            changed=0,
            unchanged=first,
            added_sample=tuple(range(first, min(total, first + SAMPLE_ROWS))),
        )

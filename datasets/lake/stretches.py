"""A pinned version in stretches of rows that are read without their neighbours.

Stretches end where row groups of the files end: every row group is decoded once, a few thousand rows at a time,
whatever its size is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.feed import ROW_COLUMN
from datasets.lake.object_storage import folder_of, is_object
from datasets.lake.scanning import scan
from datasets.lake.versions import dataset_path, open_pinned, schema_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from datasets.models import DatasetVersion


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: its file, its place there, and the rows that it holds by its statistics."""

    name: str
    place: int
    first_row: int
    row_count: int


class Stretches:
    """The rows of a version, to be read in stretches, by several threads at once.

    Parameters
    ----------
    version
        A version that is ready (or archived).
    columns
        Which columns, in this order.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    ColumnNotFound
        It has no column of that name.
    """

    def __init__(self, version: DatasetVersion, columns: Sequence[str]) -> None:
        schema = schema_of(version, columns)
        assert version.delta_version is not None
        path = dataset_path(version.dataset)
        self._names = list(schema.names)
        self._schema = schema.to_arrow()
        self._table = open_pinned(path, version.delta_version)
        self._files = folder_of(path)
        self._is_far = is_object(path)
        self._metadata: dict[str, pq.FileMetaData] = {}
        self._row_count = int(self._table.count())
        self._groups = self._find_groups()

    def cut(self, at_least: int) -> list[tuple[int, int]]:
        """Return first row and number of rows of stretches that cover the version, always the same ones.

        Parameters
        ----------
        at_least
            A stretch ends with the row group that brings it to so many rows. Where row groups hold no unbroken
            stretches of rows (tables that somebody else rewrote), all have this size.
        """
        sizes = [group.row_count for group in self._groups] or [1] * self._row_count
        found: list[tuple[int, int]] = []
        first = count = 0
        for size in sizes:
            count += size
            if count >= at_least:
                found.append((first, count))
                first, count = first + count, 0
        return [*found, (first, count)] if count else found

    def batches(
        self, first_row: int, row_count: int, *, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a stretch in their order, at most ``batch_rows`` at once."""
        end = first_row + row_count
        groups = [one for one in self._groups if first_row <= one.first_row < end]
        expected = np.arange(first_row, end)
        numbers = [
            batch.column(0).to_numpy() for batch in self._decoded(groups, [ROW_COLUMN], row_count)
        ]
        if groups and np.array_equal(np.concatenate(numbers), expected):
            found = self._decoded(groups, self._names, batch_rows)
        else:
            found = self._sorted(first_row, row_count).to_batches(max_chunksize=batch_rows)
        for batch in found:
            named = batch.select(self._names)
            yield named if named.schema.equals(self._schema) else named.cast(self._schema)

    def _decoded(
        self, groups: Sequence[_Group], names: list[str], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of row groups as they lie there."""
        import pyarrow.parquet as pq

        for name in dict.fromkeys(group.name for group in groups):
            places = [group.place for group in groups if group.name == name]
            with self._files.open_input_file(name) as file:
                content = pq.ParquetFile(
                    file, metadata=self._metadata[name], pre_buffer=self._is_far
                )
                yield from content.iter_batches(
                    batch_size=batch_rows, row_groups=places, columns=names, use_threads=False
                )

    def _sorted(self, first_row: int, row_count: int) -> pa.Table:
        """Return a stretch wherever its rows are, in their order."""
        row = pc.field(ROW_COLUMN)
        found = scan(self._table).to_table(
            columns=[ROW_COLUMN, *self._names],
            filter=(row >= first_row) & (row < first_row + row_count),
        )
        return found.sort_by(ROW_COLUMN)

    def _find_groups(self) -> list[_Group]:
        """Return the row groups in the order of their rows; none when they are no unbroken stretches."""
        import pyarrow.parquet as pq

        actions = pa.table(self._table.get_add_actions(flatten=True))
        groups: list[_Group] = []
        for name in map(unquote, actions["path"].to_pylist()):
            with self._files.open_input_file(name) as file:
                metadata = pq.ParquetFile(file).metadata
            self._metadata[name] = metadata
            for place in range(metadata.num_row_groups):
                group = metadata.row_group(place)
                numbers = group.column(metadata.schema.names.index(ROW_COLUMN)).statistics
                if numbers is None or not numbers.has_min_max:
                    return []
                if numbers.max - numbers.min + 1 != group.num_rows:
                    return []
                groups.append(_Group(name, place, int(numbers.min), int(group.num_rows)))
        groups.sort(key=lambda one: one.first_row)
        joined = all(a.first_row + a.row_count == b.first_row for a, b in pairwise(groups))
        return groups if joined and groups and groups[0].first_row == 0 else []

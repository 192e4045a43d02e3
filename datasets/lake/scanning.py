"""The rows of a table as an Arrow dataset, for those who filter them or read only what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow.dataset as pads
    from deltalake import DeltaTable

Condition = tuple[str, str, Any]
"""A condition on a partition column, such as ``("day", ">=", "2026-01-31")``."""


def scan(table: DeltaTable, *, partitions: Sequence[Condition] | None = None) -> pads.Dataset:
    """Return the rows of a table, which may then be filtered by any column.

    The engine says of each file what holds for all its rows, by what the log tells. Where the log knows no bounds of a
    column, it says that the values lie between nulls, so that a filter on that column finds nothing: of such files the
    bounds that are known are said here.

    Parameters
    ----------
    partitions
        Files of other partitions are left out.
    """
    dataset = table.to_pyarrow_dataset(
        file_pruning_predicate=list(partitions) if partitions else None
    )
    doubtful = _doubtful(table)
    if not doubtful:
        return dataset
    return _with(
        dataset, {name: _known(action, dataset.schema) for name, action in doubtful.items()}
    )


def file_name(path: str) -> str:
    """Return the last part of a path as the log spells it; no two files of a table share it."""
    return unquote(path).rpartition("/")[2]


def _doubtful(table: DeltaTable) -> dict[str, dict[str, Any]]:
    """Return what the log tells of the files of which it does not know all bounds, by name."""
    actions = pa.table(table.get_add_actions(flatten=True))
    bounds = [name for name in actions.column_names if name.startswith(("min.", "max."))]
    gaps = [pc.is_null(actions[name]) for name in bounds if actions[name].null_count]
    if not gaps:
        return {}
    listed = actions.filter(reduce(pc.or_, gaps)).to_pylist()
    return {file_name(action["path"]): action for action in listed}


def _known(action: Mapping[str, Any], schema: pa.Schema) -> pc.Expression:
    """Return what holds for all rows of a file."""
    told: list[pc.Expression] = []
    for field in schema:
        column, kind = pc.field(field.name), field.type
        if f"partition.{field.name}" in action:
            value = action[f"partition.{field.name}"]
            told.append(column.is_null() if value is None else column == pa.scalar(value, kind))
            continue
        low, high = action.get(f"min.{field.name}"), action.get(f"max.{field.name}")
        if low is not None and high is not None:
            bounds = [column >= pa.scalar(low, kind), column <= pa.scalar(high, kind)]
            # In these words Arrow concludes something from bounds of columns with nulls.
            if action.get(f"null_count.{field.name}") != 0:
                bounds = [bound | column.is_null() for bound in bounds]
            told.extend(bounds)
    return reduce(and_, told) if told else pc.scalar(True)


def _with(dataset: pads.FileSystemDataset, known: Mapping[str, pc.Expression]) -> pads.Dataset:
    """Return the dataset with what is known of some files said anew."""
    import pyarrow.dataset as pads

    fragments = [
        dataset.format.make_fragment(
            fragment.path,
            fragment.filesystem,
            partition_expression=known.get(file_name(fragment.path), fragment.partition_expression),
        )
        for fragment in dataset.get_fragments()
    ]
    return pads.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)

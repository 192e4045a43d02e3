"""All rows that pass filters, as batches, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from datasets import lake
from datasets.engine.quoting import identifier
from datasets.engine.tables import connect
from datasets.exploration.sources import engine_limits, source_of
from datasets.models import DatasetVersion
from datasets.querying import RowQuery
from datasets.querying.filters import where
from datasets.querying.ordering import order_by
from datasets.schema import Schema

_TABLE = "version_rows"
_BATCH_ROWS = 16_384


def iter_rows(version: DatasetVersion, query: RowQuery) -> Iterator[pa.RecordBatch]:
    """Yield the rows that pass the filters, in the order asked for (else in their own).

    Without an order the files are read one after the other and nothing is sorted; with one the engine
    sorts, on disk where memory does not suffice.
    """
    if query.order:
        yield from _sorted(version, query)
    elif query.filters:
        yield from _filtered(version, query)
    else:
        yield from lake.iter_batches(version, query.columns, batch_rows=_BATCH_ROWS)


def _filtered(version: DatasetVersion, query: RowQuery) -> Iterator[pa.RecordBatch]:
    condition, parameters = where(query.filters)
    listed = ", ".join(identifier(name) for name in query.columns)
    needed = dict.fromkeys([*query.columns, *(one.column.name for one in query.filters)])
    target = Schema.from_dict(version.schema).select(query.columns).to_arrow()
    batches = lake.iter_batches(version, list(needed), batch_rows=_BATCH_ROWS)
    with engine_limits() as limits, connect(limits) as connection:
        for batch in batches:
            connection.register(_TABLE, batch)
            found = connection.sql(
                f"SELECT {listed} FROM {_TABLE}{condition}",  # noqa: S608 (quoted names, parameters)
                params=parameters,
            ).to_arrow_table()
            connection.unregister(_TABLE)
            yield from found.cast(target).to_batches()


def _sorted(version: DatasetVersion, query: RowQuery) -> Iterator[pa.RecordBatch]:
    condition, parameters = where(query.filters)
    listed = ", ".join(identifier(name) for name in query.columns)
    target = Schema.from_dict(version.schema).select(query.columns).to_arrow()
    source = source_of(version, with_row_number=True)
    with engine_limits() as limits, connect(limits) as connection:
        source.attach(connection, _TABLE)
        reader = connection.sql(
            f"SELECT {listed} FROM {_TABLE}{condition}{order_by(query.order, lake.ROW_COLUMN)}",  # noqa: S608
            params=parameters,
        ).to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            yield batch.cast(target)

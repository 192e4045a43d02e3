"""The lake: rows in Delta tables, pinned reads, writes that happen once.

Nothing here may be *used* before a process has forked (the engine behind ``deltalake`` does not
survive it); importing is harmless, because the engine is imported where it is called.
"""

from datasets.lake.appending import append, compact
from datasets.lake.erasing import key_files, pinned_files, purge, rewrite_partition
from datasets.lake.feed import ROW_COLUMN
from datasets.lake.object_storage import storage_options
from datasets.lake.quarantine import SOURCE_KEY as QUARANTINE_KEY
from datasets.lake.quarantine import (
    count_naming,
    count_put_aside,
    put_aside,
    quarantine_path,
    quarantined,
    redact_put_aside,
)
from datasets.lake.scanning import scan
from datasets.lake.statistics import telling
from datasets.lake.stretches import Stretches
from datasets.lake.tables import (
    add_columns,
    delete_rows,
    ensure_table,
    open_table,
    read_window,
    set_properties,
    start_engine,
    table_path,
    table_version,
    transaction_number,
)
from datasets.lake.versions import (
    dataset_path,
    generation_path,
    highest_value,
    iter_batches,
    iter_pinned,
    pinned_row_count,
    pinned_rows,
    pinned_size_bytes,
    preview,
    read_pinned,
    read_table,
    remove_dataset,
    remove_table,
)
from datasets.lake.writing import LakeWrite, write_version_rows

__all__ = [
    "QUARANTINE_KEY",
    "ROW_COLUMN",
    "LakeWrite",
    "Stretches",
    "add_columns",
    "append",
    "compact",
    "count_naming",
    "count_put_aside",
    "dataset_path",
    "delete_rows",
    "ensure_table",
    "generation_path",
    "highest_value",
    "iter_batches",
    "iter_pinned",
    "key_files",
    "open_table",
    "pinned_files",
    "pinned_row_count",
    "pinned_rows",
    "pinned_size_bytes",
    "preview",
    "purge",
    "put_aside",
    "quarantine_path",
    "quarantined",
    "read_pinned",
    "read_table",
    "read_window",
    "redact_put_aside",
    "remove_dataset",
    "remove_table",
    "rewrite_partition",
    "scan",
    "set_properties",
    "start_engine",
    "storage_options",
    "table_path",
    "table_version",
    "telling",
    "transaction_number",
    "write_version_rows",
]

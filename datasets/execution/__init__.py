"""The long work of the datasets room: ingesting files, writing and measuring versions."""

from datasets.execution.checking import check_before_ready
from datasets.execution.comparison import compare, compare_failed
from datasets.execution.declared import reading_schema
from datasets.execution.files import WrittenFile, write_file
from datasets.execution.ingestion import ingest, ingest_failed
from datasets.execution.recording import (
    create_ready_version,
    dataset_beside,
    fail_waiting_version,
    make_ready,
    waiting_version,
)
from datasets.execution.writing import WrittenVersion, write_version

__all__ = [
    "WrittenFile",
    "WrittenVersion",
    "check_before_ready",
    "compare",
    "compare_failed",
    "create_ready_version",
    "dataset_beside",
    "fail_waiting_version",
    "ingest",
    "ingest_failed",
    "make_ready",
    "reading_schema",
    "waiting_version",
    "write_file",
    "write_version",
]

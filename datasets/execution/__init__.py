"""The long work of the datasets room: ingesting files, writing and measuring versions."""

from datasets.execution.comparison import compare, compare_failed
from datasets.execution.files import WrittenFile, write_file
from datasets.execution.ingestion import ingest, ingest_failed
from datasets.execution.recording import create_ready_version, dataset_beside
from datasets.execution.writing import WrittenVersion, write_version

__all__ = [
    "WrittenFile",
    "WrittenVersion",
    "compare",
    "compare_failed",
    "create_ready_version",
    "dataset_beside",
    "ingest",
    "ingest_failed",
    "write_file",
    "write_version",
]

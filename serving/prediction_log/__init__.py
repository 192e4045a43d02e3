"""The prediction log on disk: what was answered, written before the answer leaves.

A writer owns a folder and appends one frame per request to a segment file with one system call, so that a
process may die at any moment without losing what it answered. Closed segments are read by the shipper,
which moves them into the lake.
"""

from __future__ import annotations

from serving.prediction_log.failures import FailedRequest, decode_failure, encode_failure
from serving.prediction_log.frames import Scan, encode_frame, scan_frames
from serving.prediction_log.policy import KEEP_ALL, LogPolicy
from serving.prediction_log.reading import Record, decode_request, read_record
from serving.prediction_log.records import LoggedRequest, encode_request
from serving.prediction_log.segments import (
    Backlog,
    Segment,
    WriterFolder,
    backlog,
    closed_segments,
    unshipped_files,
    writer_folders,
)
from serving.prediction_log.writer import LogUnwritable, SegmentWriter

__all__ = [
    "KEEP_ALL",
    "Backlog",
    "FailedRequest",
    "LogPolicy",
    "LogUnwritable",
    "LoggedRequest",
    "Record",
    "Scan",
    "Segment",
    "SegmentWriter",
    "WriterFolder",
    "backlog",
    "closed_segments",
    "decode_failure",
    "decode_request",
    "encode_failure",
    "encode_frame",
    "encode_request",
    "read_record",
    "scan_frames",
    "unshipped_files",
    "writer_folders",
]

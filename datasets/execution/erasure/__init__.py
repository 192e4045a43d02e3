"""Erasing a data subject: the search, the work, and the part of it that is about datasets."""

from __future__ import annotations

from datasets.execution.erasure.jobs import (
    erase_failed,
    erase_subject,
    search_failed,
    search_subject,
    subject_of,
)
from datasets.execution.erasure.moving import move_erasure
from datasets.execution.erasure.verification import verify_version

__all__ = [
    "erase_failed",
    "erase_subject",
    "move_erasure",
    "search_failed",
    "search_subject",
    "subject_of",
    "verify_version",
]

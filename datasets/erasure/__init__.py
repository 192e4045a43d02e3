"""Erasing a person's rows: whom it is about, what was found, and what each store of rows must be able to do."""

from __future__ import annotations

from datasets.erasure.findings import Advice, Finding
from datasets.erasure.stores import SubjectStore, Tell
from datasets.erasure.subject import Subject

__all__ = ["Advice", "Finding", "Subject", "SubjectStore", "Tell"]

"""Kinds of jobs for the tests of the jobs room."""

from __future__ import annotations

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def test_kinds(settings: Settings) -> None:
    """Register the kinds of ``tests.jobs.handlers``."""
    names = ["count_up", "refuse", "break_down", "refuse_at_the_end", "die", "eat_memory"]
    settings.JOB_HANDLERS = {name: f"tests.jobs.handlers.{name}" for name in names}
    settings.JOB_FAILURE_HANDLERS = dict.fromkeys(names, "tests.jobs.handlers.note_failure")

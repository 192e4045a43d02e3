"""Bounds on what an uploaded model takes."""

from __future__ import annotations

#: More columns than this are no table.
MOST_COLUMNS = 2_000

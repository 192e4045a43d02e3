"""Refusals of the lake."""

from __future__ import annotations

from core.errors import Unavailable


class LakeBusy(Unavailable):
    """Other writers kept winning the race for the next version of a table."""

    code = "lake_busy"
    title = "The table is being written by others just now"


class LakeUnreachable(Unavailable):
    """The object storage that holds the tables does not answer."""

    code = "lake_unreachable"
    title = "The storage of the rows cannot be reached"


class LakeCorrupt(Unavailable):
    """What is on disk is not what the row in the database pins."""

    code = "lake_corrupt"
    title = "The stored rows cannot be read"

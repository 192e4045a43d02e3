"""Refusals of sources: places, queries, watermarks."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid, Unavailable


class SourceKindUnknown(Invalid):
    """No reader is registered for this kind of source."""

    code = "source_kind_unknown"
    title = "This kind of source does not exist"


class SourceNotAllowed(Invalid):
    """The site's settings do not allow this place, or a setting is none that can work."""

    code = "source_not_allowed"
    title = "The source may not be read"


class SourceMissing(Invalid):
    """Nothing is where the source points to."""

    code = "source_missing"
    title = "There is nothing at the source"


class SourceUnreachable(Unavailable):
    """The other side does not answer, or refuses the account."""

    code = "source_unreachable"
    title = "The source cannot be reached"


class QueryRefused(Invalid):
    """The warehouse does not carry out the query."""

    code = "query_refused"
    title = "The query cannot be carried out"


class SourceRunUnderWay(Conflict):
    """The source is being read already."""

    code = "source_run_under_way"
    title = "The source is being read just now"


class SourceOvertaken(Conflict):
    """Another run of the source was first, or the source was changed meanwhile."""

    code = "source_overtaken"
    title = "Another run of the source came first"


class WatermarkLost(Conflict):
    """The version that holds the rows up to the watermark is no longer there to append to."""

    code = "watermark_lost"
    title = "The rows up to the watermark are not in the newest version"


class IllegalRunMove(IllegalMove):
    """The outcome of a source's run does not change like this."""

    code = "illegal_source_run_move"
    title = "The run of the source cannot make this move"

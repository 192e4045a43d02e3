"""Refusals of who looks at rows: queries, SQL, downloads."""

from __future__ import annotations

from core.errors import Invalid, NotFound, TooMany, Unavailable


class ColumnNotFound(NotFound):
    """A column is asked for that the version does not have."""

    code = "column_not_found"
    title = "The dataset version has no such column"


class BadRowQuery(Invalid):
    """A filter, an order or a choice of columns names what a version does not have."""

    code = "bad_row_query"
    title = "The rows cannot be looked up like this"


class RowQueryTooSlow(Unavailable):
    """Filtering or sorting took longer than a page may take."""

    code = "row_query_too_slow"
    title = "The rows were not found in time"


class SqlRefused(Invalid):
    """A statement does more than read, or names what cannot be named."""

    code = "sql_refused"
    title = "This SQL is not allowed here"


class SqlFailed(Invalid):
    """A statement cannot be understood, or fails on the way."""

    code = "sql_error"
    title = "The SQL statement failed"


class SqlTimedOut(Invalid):
    """A statement ran into its time limit."""

    code = "sql_timed_out"
    title = "The SQL statement took too long"


class SqlOutOfMemory(Invalid):
    """A statement needed more memory than it may have."""

    code = "sql_out_of_memory"
    title = "The SQL statement needs too much memory"


class SqlProcessFailed(Unavailable):
    """The process that carries out a statement broke down; the statement need not be to blame."""

    code = "sql_process_failed"
    title = "The SQL statement could not be carried out"


class SqlBusy(Unavailable):
    """As many statements run as can."""

    code = "sql_busy"
    title = "Other statements are running"


class SqlOneAtATime(TooMany):
    """Somebody sends a statement while an earlier one of theirs runs."""

    code = "sql_one_at_a_time"
    title = "An earlier statement of yours is still running"


class DownloadsBusy(Unavailable):
    """As many downloads run as can."""

    code = "downloads_busy"
    title = "Other downloads are running"

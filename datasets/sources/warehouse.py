"""Rows of a query against a warehouse."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings as site

from datasets.errors import QueryRefused, SourceNotAllowed, SourceUnreachable
from datasets.schema import ColumnType
from datasets.sources.asking import Fetched, FetchedFile, SettingField, SourceRequest, Watermark
from datasets.sources.local_files import require_below
from datasets.sources.result_types import Converter, converters

if TYPE_CHECKING:
    from sqlalchemy import URL, CursorResult, Engine
    from sqlalchemy.exc import DBAPIError

_BATCH_ROWS = 10_000
_LOOK_SECONDS = 15
_OPTIONS = frozenset({"sslmode", "channel_binding", "target_session_attrs", "connect_timeout"})
#: A name or an address; no list, no socket's path in any spelling.
_HOST = re.compile(r"[\w.:-]+")
#: What a query may do in SQLite: read, select, call built-in functions, within the driver's transaction.
_SQLITE_MAY = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)


class WarehouseQuery:
    """A query in a read-only transaction, streamed from a cursor on the server.

    The query is one statement: it runs as part of another (``SELECT * FROM (…)``), by a protocol that takes
    one statement only. The watermark is a bound parameter.
    """

    label = "Warehouse query (SQL)"
    fields = (
        SettingField(
            "query",
            "Query",
            "One SELECT. With a watermark column, only its rows beyond the watermark are asked for.",
            is_required=True,
            is_long=True,
        ),
        SettingField(
            "url",
            "Connection",
            "postgresql+psycopg://user:password@host:5432/database. Use an account that may only read.",
            is_required=True,
            is_secret=True,
        ),
    )

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        _checked(secrets["url"])
        if not settings["query"].rstrip("; \n\t\r"):
            raise QueryRefused("Write a SELECT.", field="settings.query")

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        url = _parsed(secrets["url"])
        place = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
        return f"{url.drivername}://{place}/{url.database or ''}"

    def fetch(self, request: SourceRequest) -> Fetched:
        import pyarrow as pa
        import pyarrow.parquet as pq

        url = _checked(request.secrets["url"])
        statement, values = _statement(url, request)
        path = request.scratch / "rows.parquet"
        with _asked(url, statement, values, request.first_rows) as result:
            columns, batches = _typed(
                result, request, lambda: _again(url, statement, values, request)
            )
            schema = pa.schema([pa.field(one.name, one.arrow) for one in columns])
            count = 0
            with pq.ParquetWriter(path, schema) as writer:
                for rows in batches:
                    cells = zip(*rows, strict=True)
                    arrays = [one.convert(part) for one, part in zip(columns, cells, strict=True)]
                    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                    count += len(rows)
                    request.progress(0.0, f"fetching rows ({count:,})")
                    if request.first_rows is not None and count >= request.first_rows:
                        break
        return Fetched(
            address=self.address(request.settings, request.secrets),
            files=(FetchedFile(path, "rows.parquet"),) if count else (),
        )


def _parsed(text: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text.strip())
    except (ArgumentError, ValueError) as error:
        raise SourceNotAllowed("This is no connection URL.", field="secrets.url") from error


def _checked(text: str) -> URL:
    url = _parsed(text)
    if url.drivername not in site.SOURCE_SQL_DIALECTS:
        raise SourceNotAllowed(
            f"The dialect is one of {', '.join(site.SOURCE_SQL_DIALECTS)}.", field="secrets.url"
        )
    if set(url.query) - _OPTIONS:
        raise SourceNotAllowed(
            f"Only these options are taken: {', '.join(sorted(_OPTIONS))}.", field="secrets.url"
        )
    if url.get_backend_name() == "sqlite":
        require_below(Path(url.database or "").resolve(), field="secrets.url")
    elif not _HOST.fullmatch(url.host or ""):
        raise SourceNotAllowed("The connection names one host.", field="secrets.url")
    elif site.SOURCE_SQL_HOSTS and url.host not in site.SOURCE_SQL_HOSTS:
        raise SourceNotAllowed(
            "The site does not talk to this host (SOURCE_SQL_HOSTS).", field="secrets.url"
        )
    return url


def _statement(url: URL, request: SourceRequest) -> tuple[str, Any]:
    """Return the statement and its parameters, in the driver's own spelling."""
    query = request.settings["query"].rstrip("; \n\t\r")
    text = f"SELECT * FROM (\n{query}\n) AS source"  # noqa: S608 (the query is what is asked for)
    is_sqlite = url.get_backend_name() == "sqlite"
    if not is_sqlite:
        text = text.replace("%", "%%")
    if not request.watermark_column or request.after is None:
        return text, None
    column = '"' + request.watermark_column.replace('"', '""') + '"'
    # Text is compared as the watermark is found: by code points, whatever the collation of database or column.
    if is_sqlite:
        order = " COLLATE BINARY" if request.after.type is ColumnType.STRING else ""
        return f"{text} WHERE {column}{order} > ?", (_plain(request.after),)
    order = '::text COLLATE "C"' if request.after.type is ColumnType.STRING else ""
    condition = f" WHERE {column.replace('%', '%%')}{order} > %(watermark)s"
    return text + condition, {"watermark": request.after.python}


def _plain(after: Watermark) -> Any:
    if after.type is ColumnType.TIMESTAMP:
        raise QueryRefused("A moment is no watermark in SQLite.", field="watermark_column")
    return after.python


def _engine(url: URL, seconds: float) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if url.get_backend_name() == "sqlite":
        return create_engine("sqlite://", creator=lambda: _read_only(url), poolclass=NullPool)
    options = (
        f"-c statement_timeout={int(seconds * 1000)} -c default_transaction_read_only=on "
        f"-c idle_in_transaction_session_timeout={int(seconds * 1000)} -c timezone=UTC"
    )
    arguments = {"connect_timeout": 10, "options": options, "application_name": "mlops-site"}
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args=arguments,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        hide_parameters=True,
    )


def _read_only(url: URL) -> sqlite3.Connection:
    path = quote(str(Path(url.database or "").resolve()))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    connection.set_authorizer(_authorized)
    return connection


def _authorized(action: int, first: str | None, *_: object) -> int:
    # SQLAlchemy asks for the isolation level when it connects.
    is_level = action == sqlite3.SQLITE_PRAGMA and first == "read_uncommitted"
    return sqlite3.SQLITE_OK if action in _SQLITE_MAY or is_level else sqlite3.SQLITE_DENY


@contextmanager
def _asked(
    url: URL, statement: str, values: Any, first_rows: int | None
) -> Iterator[CursorResult[Any]]:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    seconds = site.SOURCE_SQL_SECONDS if first_rows is None else _LOOK_SECONDS
    engine = _engine(url, seconds)
    try:
        with engine.connect() as connection:
            streamed = connection.execution_options(
                stream_results=True, max_row_buffer=first_rows or _BATCH_ROWS
            )
            with streamed.exec_driver_sql(statement, values) as result:
                yield result
    except DBAPIError as error:
        raise _refusal(error) from error
    except SQLAlchemyError as error:
        raise SourceUnreachable("The warehouse does not answer as it should.") from error
    finally:
        engine.dispose()


def _again(
    url: URL, statement: str, values: Any, request: SourceRequest
) -> Iterator[Sequence[Any]]:
    with _asked(url, statement, values, request.first_rows) as result:
        yield from result


def _refusal(error: DBAPIError) -> Exception:
    """Return what may be said of a database's complaint: of a query all, of a connection nothing."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    code = getattr(error.orig, "sqlstate", None)
    first_line = str(error.orig).strip().partition("\n")[0][:300]
    if code == "57014":
        return QueryRefused("The query took too long.", field="settings.query")
    if code is None and isinstance(error, (OperationalError, InterfaceError)):
        if isinstance(error.orig, sqlite3.Error) and "unable to open" not in first_line:
            return QueryRefused(first_line, field="settings.query")
        return SourceUnreachable(
            "The warehouse cannot be reached, or refuses the account.", field="secrets.url"
        )
    return QueryRefused(f"The warehouse refuses the query: {first_line}", field="settings.query")


def _typed(
    result: CursorResult[Any], request: SourceRequest, again: Any
) -> tuple[list[Converter], Iterator[list[Sequence[Any]]]]:
    """Return how the columns are converted, and the rows in batches.

    A driver that does not tell the types of columns is asked twice: once for the types of all values.
    """
    description = result.cursor.description if result.cursor is not None else None
    if not description:
        raise QueryRefused("The query gives no rows.", field="settings.query")
    columns = converters(description, again)
    size = request.first_rows or _BATCH_ROWS
    return columns, iter(lambda: [tuple(row) for row in result.fetchmany(size)], [])

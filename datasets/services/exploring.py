"""Looking at rows on a caller's behalf: SQL and downloads, each with its line in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Literal

from django.conf import settings

from accounts import audit
from accounts.models import Project
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import DomainError
from datasets.downloads import csv_chunks, parquet_chunks
from datasets.engine.tables import TableSource
from datasets.errors import DownloadsBusy, SqlBusy, SqlOneAtATime
from datasets.execution.sql import SqlResult, run_statement
from datasets.exploration import source_of
from datasets.exploration.batches import iter_rows
from datasets.exploration.sending import Download
from datasets.exploration.turns import Turns
from datasets.models import DatasetVersion, Use
from datasets.querying import RowQuery
from datasets.schema import Schema
from datasets.selectors import require_use, version_named

FileType = Literal["csv", "parquet"]
FILE_TYPES: tuple[FileType, ...] = ("csv", "parquet")
_KEPT_CHARACTERS = 10_000

_statements = Turns(
    SqlBusy("As many statements are running as can. Try again in a while.", retry_after=2),
    SqlOneAtATime("Wait for your earlier statement to end.", retry_after=2),
)
_downloads = Turns(
    DownloadsBusy("As many downloads are running as can. Try again in a while.", retry_after=5)
)


def run_sql(
    *, principal: Principal, query: str, limit: int | None = None, use: Use = Use.READ
) -> SqlResult:
    """Carry out a statement over the versions that the caller's project may read.

    Parameters
    ----------
    limit
        How many rows to return; at most, and when absent, ``settings.SQL_MAX_ROWS``.
    use
        What the caller must be allowed to do with each dataset: READ, or DOWNLOAD for a file.

    Raises
    ------
    SqlRefused, SqlFailed, SqlTimedOut, SqlOutOfMemory, SqlProcessFailed
        As their names say.
    SqlBusy, SqlOneAtATime
        Other statements are running.
    """
    principal.require(Permission.VIEW)

    def resolve(name: str) -> TableSource | None:
        version = version_named(principal, name, use)
        return None if version is None else source_of(version)

    rows = min(limit or settings.SQL_MAX_ROWS, settings.SQL_MAX_ROWS)
    with _statements.turn(_holder(principal), places=settings.SQL_AT_ONCE):
        try:
            result = run_statement(query=query, row_limit=rows, resolve=resolve)
        except DomainError as error:
            _tell(principal, query, {"error": error.code})
            raise
    _tell(
        principal,
        query,
        {
            "tables": list(result.tables),
            "rows": len(result.rows),
            "seconds": round(result.seconds, 3),
        },
    )
    return result


def _holder(principal: Principal) -> object:
    return principal.user_id if principal.user_id is not None else object()


def _tell(principal: Principal, query: str, facts: Mapping[str, Any]) -> None:
    text = query.replace("\x00", "")[:_KEPT_CHARACTERS].encode(errors="replace").decode()
    audit.record(
        principal=principal,
        action="sql.run",
        target=Project(pk=principal.project_id),
        summary=" ".join(text.split())[:200],
        changes={"query": text, **facts},
    )


def download_version(
    *,
    principal: Principal,
    version: DatasetVersion,
    query: RowQuery,
    file_type: FileType,
    is_raw: bool = False,
) -> Download:
    """Begin a file with the rows of a version.

    The first piece is made at once, so that what can be refused is refused before anything is sent.

    Parameters
    ----------
    is_raw
        Whether CSV cells that spreadsheets take for formulas stay as they are; needs EDIT.

    Raises
    ------
    DownloadsBusy
        As many downloads run as can.
    VersionNotReady, NotFound, GrantNotEnough
        The rows are not there, or not for the caller.
    """
    principal.require(Permission.EDIT if is_raw else Permission.VIEW)
    require_use(principal, version.dataset, Use.DOWNLOAD)
    source_of(version)
    schema = Schema.from_dict(version.schema).select(query.columns).to_arrow()
    place = object()
    _downloads.enter(place, places=settings.DOWNLOADS_AT_ONCE)
    batches = iter_rows(version, query)
    if file_type == "csv":
        chunks = csv_chunks(schema, batches, neutralise=not is_raw)
    else:
        chunks = parquet_chunks(schema, batches)
    sent = _until_left(chunks, place)
    try:
        first = next(sent)
        audit.record(
            principal=principal,
            action="dataset_version.downloaded",
            target=version,
            summary=f"{version} as {file_type}",
            changes={
                "file_type": file_type,
                "raw": is_raw,
                "columns": list(query.columns),
                "filters": len(query.filters),
            },
        )
    except BaseException:
        sent.close()
        raise
    filename = f"{version.dataset.name}-v{version.number}.{file_type}"
    kind = "text/csv; charset=utf-8" if file_type == "csv" else "application/vnd.apache.parquet"
    return Download(_safe(filename), kind, _Sending(first, sent))


def _until_left(chunks: Iterator[bytes], place: object) -> Any:
    try:
        yield from chunks
    finally:
        _downloads.leave(place)


class _Sending:
    """The pieces of a file, the first of them made already; closing it ends the work."""

    def __init__(self, first: bytes, rest: Any) -> None:
        self._pieces = chain([first], rest)
        self._rest = rest

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece: bytes = next(self._pieces)
        return piece

    def close(self) -> None:
        """Give the place back."""
        self._rest.close()


def _safe(filename: str) -> str:
    """Return a name without what means something to a file system."""
    return "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in filename)

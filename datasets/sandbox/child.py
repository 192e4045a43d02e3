"""The process in which a statement of a user runs: ``python -m datasets.sandbox.child``.

One line of JSON at a time, on standard input and output:

1. in: the statement and the limits;
2. out: the tables that it names, ``{"tables": [...]}``;
3. in: where those lie that the caller may read, ``{"sources": {...}}``;
4. out: the result, ``{"columns": ..., "rows": ..., "truncated": ...}``.

Any answer may be ``{"error": {...}}`` instead. The process limits itself before it reads anything, and ends
when its parent does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import DomainError
from datasets.engine.quoting import literal
from datasets.engine.tables import EngineLimits, TableSource, connect, interrupted_after
from datasets.errors import SqlFailed, SqlOutOfMemory, SqlRefused, SqlTimedOut
from datasets.sandbox.results import json_value
from datasets.sandbox.statement import Statement, failure, inspect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BATCH_ROWS = 1_000
#: What the interpreter and the libraries need beside the engine's own memory; object storage is read by
#: a runtime with many threads, whose stacks count.
_BASE_BYTES, _BASE_BYTES_REMOTE = 3 * 1024**3 // 2, 5 * 1024**3
_REFUSALS = {one.__name__: one for one in (SqlFailed, SqlOutOfMemory, SqlRefused, SqlTimedOut)}


def main() -> None:
    """Answer one question."""
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may reach the parent
    asked = json.loads(sys.stdin.buffer.readline())
    limit_process(asked)
    try:
        answer = _answer(asked, wire)
    except DomainError as error:
        answer = {"error": error_to_wire(error)}
    except MemoryError:
        refusal = SqlOutOfMemory(
            "The statement needed more memory than it may have.", field="query"
        )
        answer = {"error": error_to_wire(refusal)}
    _tell(wire, answer)
    wire.close()
    os._exit(0)  # what the engine still does is of no interest


def limit_process(asked: Mapping[str, Any]) -> None:
    """Let the system end this process when it takes more than it should."""
    base = _BASE_BYTES if asked["is_local"] else _BASE_BYTES_REMOTE
    memory = int(asked["memory_bytes"]) + base
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(asked["seconds"] * max(1, int(asked["threads"]))) + 10
    # Not both at the same second: then it would be killed by the signal that also means a lack of memory.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def _tell(wire: Any, answer: Mapping[str, Any]) -> None:
    wire.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
    wire.flush()


def error_to_wire(error: DomainError) -> dict[str, Any]:
    """Return a refusal as the parent reads it."""
    return {"kind": type(error).__name__, "message": error.message, "details": error.details}


def error_from_wire(told: Mapping[str, Any]) -> DomainError:
    """Return the refusal that the child told of."""
    kind = _REFUSALS.get(str(told["kind"]), SqlFailed)
    return kind(str(told["message"]), field="query", **dict(told["details"]))


def source_to_wire(source: TableSource) -> dict[str, Any]:
    """Return a source as the child reads it."""
    return {
        "path": source.path,
        "delta_version": source.delta_version,
        "columns": list(source.columns),
        "files": None if source.files is None else list(source.files),
        "store": None if source.store is None else dict(source.store),
    }


def source_from_wire(told: Mapping[str, Any]) -> TableSource:
    """Return the source that the parent told of."""
    files = None if told["files"] is None else tuple(told["files"])
    return TableSource(
        told["path"], told["delta_version"], tuple(told["columns"]), files, told["store"]
    )


def _answer(asked: Mapping[str, Any], wire: Any) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    limits = EngineLimits(
        memory_bytes=int(asked["memory_bytes"]),
        threads=int(asked["threads"]),
        spill_folder=asked["spill_folder"],
        spill_bytes=int(asked["spill_bytes"]),
    )
    text = str(asked["query"])
    with connect(limits) as parser:
        parser.execute("SET enable_external_access = false")
        parser.execute("SET errors_as_json = true")
        statement = inspect(parser, text)
    tables = [{"name": one.name, "offset": one.offset} for one in statement.tables]
    _tell(wire, {"tables": tables, "local_names": sorted(statement.local_names)})
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    sources = {name: source_from_wire(one) for name, one in json.loads(line)["sources"].items()}
    with connect(limits) as connection:
        lock(connection, sources)
        return _run(connection, statement, asked)


def lock(connection: DuckDBPyConnection, sources: Mapping[str, TableSource]) -> None:
    """Let the connection see these tables and nothing else, for good."""
    every = ", ".join(literal(path) for one in sources.values() for path in one.files or ())
    connection.execute(f"SET allowed_paths = [{every}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET errors_as_json = true")
    connection.execute("SET max_expression_depth = 500")
    for name, source in sources.items():
        source.attach(connection, name)
    connection.execute("SET lock_configuration = true")


def _run(
    connection: DuckDBPyConnection, statement: Statement, asked: Mapping[str, Any]
) -> dict[str, Any]:
    import duckdb

    seconds = float(asked["seconds"])
    try:
        with interrupted_after(connection, seconds):
            return _result(connection, statement, int(asked["rows"]), int(asked["result_bytes"]))
    except duckdb.InterruptException:
        raise SqlTimedOut(
            f"The statement was stopped after {seconds:g} s.", field="query"
        ) from None
    except duckdb.OutOfMemoryException:
        raise SqlOutOfMemory(
            "The statement needed more memory or temporary space than it may have.", field="query"
        ) from None
    except duckdb.Error as error:
        raise _without_paths(failure(error, statement.text)) from None
    except (RuntimeError, OverflowError, ValueError) as error:
        # Arrow's way of handing on what the engine said while rows were being fetched.
        said = str(error)
        if "INTERRUPT" in said:
            raise SqlTimedOut(
                f"The statement was stopped after {seconds:g} s.", field="query"
            ) from None
        if "Out of Memory" in said or "malloc" in said:
            raise SqlOutOfMemory(
                "The statement needed more memory or temporary space than it may have.",
                field="query",
            ) from None
        raise _without_paths(failure(error, statement.text)) from None


def _result(
    connection: DuckDBPyConnection, statement: Statement, most_rows: int, most_bytes: int
) -> dict[str, Any]:
    connection.execute(statement.text)
    columns = [{"name": name, "type": str(kind)} for name, kind, *_ in connection.description or ()]
    rows: list[list[Any]] = []
    size = 0
    truncated = False
    reader: Any = connection.to_arrow_reader(_BATCH_ROWS)
    for batch in reader:
        lists = [_values(column) for column in batch.columns]
        for values in zip(*lists, strict=True):
            row = [json_value(value) for value in values]
            size += len(json.dumps(row, ensure_ascii=False, allow_nan=False))
            if len(rows) >= most_rows or size > most_bytes:
                truncated = True
                break
            rows.append(row)
        if truncated:
            break
    return {"columns": columns, "rows": rows, "truncated": truncated}


def _values(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):  # a moment that Python's calendar does not reach
        values = column.cast("string").to_pylist()
    return values


def _without_paths(error: SqlFailed) -> SqlFailed:
    """Return the refusal without the places on disk that the engine may have named."""
    words = [
        "…" if "/" in word and (".parquet" in word or "_delta_log" in word) else word
        for word in error.message.split(" ")
    ]
    return SqlFailed(" ".join(words), field="query", **error.details)


if __name__ == "__main__":
    main()

"""What a statement is allowed to be: one query that reads named tables, and nothing else.

The text is parsed by the engine that will run it, and its syntax tree is walked: every kind of node and
of table that is not known to be harmless is refused, table functions too, and of the other
functions those that see settings, catalogues or the clockwork of the engine. This comes before the
engine's own lock (no files, no network, no extension, no setting), not in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasets.errors import SqlFailed, SqlRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_CHARACTERS = 100_000
_EXPLAIN = re.compile(r"explain(\s+analyze)?\b", re.IGNORECASE)
_SPACE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_TABLES = frozenset(
    {"BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "SHOW_REF"}
)
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
#: Harmless though their answers change.
_VOLATILE = frozenset(
    {
        "random",
        "uuid",
        "uuidv4",
        "uuidv7",
        "gen_random_uuid",
        "now",
        "today",
        "current_date",
        "get_current_time",
        "get_current_timestamp",
        "transaction_timestamp",
        "error",
    }
)
_HIDDEN = re.compile(
    r"(pg_|duckdb_|pragma_|inet_|has_|current_|session_user$|user$|__|json_serialize|json_deserialize|"
    r"json_execute|obj_|col_description|shobj_|get_block_size|map_to_pg|txid_|version$|getenv|getvariable|"
    r"read_|write_|query|in_search_path|sniff_|which_secret|parse_duckdb)"
)


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table that a statement names, and where (character offset; None when it is not known)."""

    name: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may be run.

    Attributes
    ----------
    text
        The statement as it was written; offsets of errors count from its beginning.
    tables
        What it reads from.
    local_names
        Names that it defines itself (``WITH``).
    """

    text: str
    tables: tuple[NamedTable, ...]
    local_names: frozenset[str]


def inspect(connection: DuckDBPyConnection, text: str) -> Statement:
    """Return the statement, or refuse it.

    Raises
    ------
    SqlRefused
        It is not exactly one query, or asks for something that is not on offer.
    SqlFailed
        It cannot be parsed.
    """
    if len(text) > MOST_CHARACTERS:
        raise SqlRefused(f"A statement has at most {MOST_CHARACTERS:,} characters.", field="query")
    if "\x00" in text:
        raise SqlFailed("The statement is not valid text.", field="query")
    _require_one(connection, text)
    start = _start_of_query(text)
    tree = _parse(connection, text, start)
    allowed = _Functions.of(connection)
    tables: list[NamedTable] = []
    local: set[str] = set()
    for node in _objects(tree["statements"][0]["node"]):
        _check_node(node, text, start)
        local.update(_defined_by(node))
        _check_function(node, allowed, text, start)
        if node.get("type") == "BASE_TABLE" and "class" not in node:
            tables.append(_table(node, text, start))
    return Statement(text, tuple(tables), frozenset(local))


def _require_one(connection: DuckDBPyConnection, text: str) -> None:
    import duckdb

    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise failure(error, text) from None
    except (RuntimeError, UnicodeError, ValueError):
        raise SqlFailed("The statement is not valid text.", field="query") from None
    if len(statements) != 1:
        raise SqlRefused(f"Send exactly one statement; there are {len(statements)}.", field="query")
    kind = statements[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        word = str(kind).rpartition(".")[2]
        raise SqlRefused(
            f"Only SELECT (also WITH, VALUES, DESCRIBE, SUMMARIZE) and EXPLAIN are allowed; this is {word}.",
            field="query",
        )


def _start_of_query(text: str) -> int:
    """Return where the query begins: behind ``EXPLAIN``, if that is there."""
    begin = _SPACE.match(text)
    assert begin is not None
    explain = _EXPLAIN.match(text, begin.end())
    return explain.end() if explain else 0


def _parse(connection: DuckDBPyConnection, text: str, start: int) -> Mapping[str, Any]:
    answer = connection.execute("SELECT json_serialize_sql(?)", [text[start:]]).fetchone()
    assert answer is not None
    try:
        tree: Mapping[str, Any] = json.loads(answer[0])
    except RecursionError:
        raise SqlRefused("The statement is nested too deeply.", field="query") from None
    if not tree.get("error"):
        return tree
    if tree.get("error_type") == "parser":
        raise failed(str(tree.get("error_message", "")), _position(tree), text, start)
    raise SqlRefused("Only queries that read are allowed.", field="query")


def _objects(root: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [root]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _check_node(node: Mapping[str, Any], text: str, start: int) -> None:
    kind = node.get("type")
    if not isinstance(kind, str) or "class" in node:
        return
    is_table = "alias" in node and "sample" in node
    if kind.endswith("_NODE") and kind not in _NODES:
        raise _refused("Only queries that read are allowed.", node, text, start)
    if is_table and kind not in _TABLES:
        word = kind.replace("_", " ").lower()
        raise _refused(f"This form of table ({word}) is not allowed.", node, text, start)
    if kind == "SHOW_REF" and node.get("query") is None:
        raise _refused("SHOW is not allowed; name a table to DESCRIBE.", node, text, start)


def _defined_by(node: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node.get("cte_map"), dict):
        yield from (str(item["key"]) for item in node["cte_map"].get("map", ()))
    if isinstance(node.get("cte_name"), str):
        yield node["cte_name"]


def _table(node: Mapping[str, Any], text: str, start: int) -> NamedTable:
    if node.get("schema_name") or node.get("catalog_name"):
        raise _refused(
            "Tables are named without a schema; quote a name with a dot in it.", node, text, start
        )
    return NamedTable(str(node["table_name"]), _offset(node, text, start))


@dataclass(frozen=True, slots=True)
class _Functions:
    """What the engine knows, and what of it may be called."""

    known: frozenset[str]
    allowed: frozenset[str]

    @classmethod
    def of(cls, connection: DuckDBPyConnection) -> _Functions:
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name), function_type, stability FROM duckdb_functions()"
        ).fetchall()
        allowed = {
            name
            for name, kind, stability in rows
            if not _HIDDEN.match(name)
            and (
                kind in ("aggregate", "macro")
                or (kind == "scalar" and (stability == "CONSISTENT" or name in _VOLATILE))
            )
        }
        allowed |= _VOLATILE
        return cls(frozenset(row[0] for row in rows), frozenset(allowed))


def _check_function(node: Mapping[str, Any], functions: _Functions, text: str, start: int) -> None:
    called = node.get("function")
    if node.get("type") == "TABLE_FUNCTION" and isinstance(called, dict):
        name = str(called.get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(f"The table function {name} is not allowed.", node, text, start)
        return
    name = str(node.get("function_name", "")).lower()
    if not name or name in functions.allowed or name in _TABLE_FUNCTIONS:
        return
    if name in functions.known or _HIDDEN.match(name):
        raise _refused(f"The function {name} is not allowed.", node, text, start)


def _refused(message: str, node: Mapping[str, Any], text: str, start: int) -> SqlRefused:
    return SqlRefused(message, field="query", **where(text, _offset(node, text, start)))


def _offset(node: Mapping[str, Any], text: str, start: int) -> int | None:
    location = node.get("query_location")
    if not isinstance(location, int) or location >= 2**63:
        return None
    return start + _characters(text[start:], location)


def _characters(text: str, position_bytes: int) -> int:
    """Return how many characters the first bytes of a text are."""
    return len(text.encode()[:position_bytes].decode(errors="ignore"))


def _position(facts: Mapping[str, Any]) -> int | None:
    position = str(facts.get("position", ""))
    return int(position) if position.isdigit() else None


def where(text: str, offset: int | None) -> dict[str, Any]:
    """Return an offset with its line and column (from 1), for an error; nothing, when it is not known."""
    if offset is None or offset > len(text):
        return {}
    before = text[:offset]
    return {
        "position": offset,
        "line": before.count("\n") + 1,
        "column": offset - (before.rfind("\n") + 1) + 1,
    }


def failed(message: str, position_bytes: int | None, text: str, start: int = 0) -> SqlFailed:
    """Return the refusal of a statement that the engine could not understand or finish."""
    offset = None
    if position_bytes is not None:
        offset = start + _characters(text[start:], position_bytes)
    return SqlFailed(message[:2_000], field="query", **where(text, offset))


def failure(error: Exception, text: str) -> SqlFailed:
    """Return an error of the engine (told as JSON) as a refusal with its position."""
    said = str(error)
    begin = said.find("{")
    try:
        facts = json.loads(said[begin:]) if begin >= 0 else {}
    except ValueError:
        facts = {}
    message = str(facts.get("exception_message") or said)
    return failed(message.split("\n\nPossible solutions", maxsplit=1)[0], _position(facts), text)

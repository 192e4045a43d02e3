"""SQL over dataset versions: what can be asked, and everything that cannot be reached."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets import services
from datasets.engine.tables import EngineLimits, connect
from datasets.errors import (
    SqlBusy,
    SqlFailed,
    SqlOneAtATime,
    SqlOutOfMemory,
    SqlProcessFailed,
    SqlRefused,
    SqlTimedOut,
)
from datasets.execution import sql
from datasets.execution.sql import run_statement
from datasets.exploration import source_of
from datasets.exploration.turns import Turns
from datasets.models import Dataset, DatasetVersion
from datasets.sandbox.child import lock
from datasets.sandbox.results import json_value
from datasets.sandbox.statement import inspect
from datasets.selectors.moments import TableName
from tests.datasets.shared_datasets import share

Ingested = Callable[..., DatasetVersion]


@pytest.fixture(scope="module")
def parser() -> Any:
    connection = connect(EngineLimits(memory_bytes=100 * 1024**2, threads=1))
    connection.execute("SET enable_external_access = false")
    connection.execute("SET errors_as_json = true")
    return connection


ESCAPES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('/var/lake/*.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM read_json('http://127.0.0.1/')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT (SELECT max(content) FROM read_text('/etc/passwd'))",
    "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM a",
    "SELECT 1 UNION ALL SELECT 1 FROM read_text('/etc/passwd')",
    "SELECT 1 WHERE EXISTS (FROM glob('*'))",
    "SELECT 1 ORDER BY (SELECT count(*) FROM glob('*'))",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/passwd')",
    "SUMMARIZE SELECT * FROM read_text('/etc/passwd')",
    "DESCRIBE SELECT * FROM read_text('/etc/passwd')",
    "SELECT getenv('SECRET_KEY')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT version()",
    "SELECT current_query()",
    "SELECT write_log('x')",
    "SELECT sleep_ms(100000)",
    "SELECT nextval('s')",
    "SELECT pg_get_viewdef(1)",
    "SELECT json_execute_serialized_sql('x')",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('people')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM pragma_table_info('people')",
    "SELECT * FROM histogram_values(people, x)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM seq_scan('people')",
    "SELECT * FROM which_secret('a', 'b')",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.people",
    "SELECT * FROM system.main.pg_class",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "SELECT * FROM (SHOW TABLES)",
    "COPY people TO '/tmp/people.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "COPY people FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db' AS x",
    "ATTACH 'https://example.org/x.db'",
    "DETACH x",
    "USE x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1'",
    "SET enable_external_access = true",
    "SET GLOBAL memory_limit = '100GB'",
    "RESET memory_limit",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "PRAGMA version",
    "CALL duckdb_secrets()",
    "CALL pragma_version()",
    "CREATE TABLE x (a INT)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "INSERT INTO people VALUES (1)",
    "UPDATE people SET a = 1",
    "DELETE FROM people",
    "TRUNCATE people",
    "MERGE INTO people USING people ON true WHEN MATCHED THEN DELETE",
    "DROP VIEW people",
    "ALTER TABLE people ADD COLUMN x INT",
    "WITH a AS (INSERT INTO people VALUES (1) RETURNING *) SELECT * FROM a",
    "EXPLAIN INSERT INTO people VALUES (1)",
    "EXPLAIN ANALYZE DELETE FROM people",
    "EXPLAIN COPY people TO '/tmp/x'",
    "PREPARE a AS SELECT 1",
    "EXECUTE a",
    "DEALLOCATE a",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY people TO '/tmp/x'",
    "SET VARIABLE x = 1; SELECT 1",
    "/* a */ -- b\nSELECT 1;\n;SELECT 2",
    "PIVOT people ON a USING count(*)",
    "",
    ";",
    "-- nothing",
    "EXPLAIN",
    "SELEC 1",
    "SELECT '",
    "SELECT \x00",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "1+" * 20_000 + "1",
    "SELECT '" + "x" * 100_001 + "'",
]


@pytest.mark.parametrize("text", ESCAPES, ids=range(len(ESCAPES)))
def test_what_is_not_one_harmless_query_is_refused_before_it_runs(parser: Any, text: str) -> None:
    with pytest.raises((SqlRefused, SqlFailed)) as refusal:
        inspect(parser, text)
    assert refusal.value.errors[0].field == "query"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT 1", []),
        ("FROM people", ["people"]),
        ("TABLE people", ["people"]),
        ("VALUES (1), (2)", []),
        ("DESCRIBE people", ["people"]),
        ("SUMMARIZE people", ["people"]),
        ("explain /* c */ select * from people", ["people"]),
        ("-- c\nEXPLAIN ANALYZE SELECT count(*) FROM people", ["people"]),
        ('SELECT * FROM "people@3" a JOIN "été/x y" b USING (id)', ["people@3", "été/x y"]),
        ("WITH a AS (SELECT * FROM people) SELECT * FROM a, b", ["a", "b", "people"]),
        ("SELECT (SELECT max(x) FROM z), [y + 1 FOR y IN l] FROM people", ["people", "z"]),
        ("SELECT * FROM range(10), unnest([1]), LATERAL (SELECT 1)", []),
        ("SELECT date_trunc('day', now()), random(), list_sum([1]), current_date, uuid()", []),
        (
            "SELECT sum(x) OVER (ORDER BY y), count(*) FILTER (x > 1), quantile(x, 0.5) FROM p",
            ["p"],
        ),
        ("SELECT regexp_matches(a, 'x'), a LIKE 'b', a::INT, a BETWEEN 1 AND 2 FROM p", ["p"]),
        ("SELECT json_extract('{}', '$.a'), strftime(now(), '%Y'), if(a, 1, 2) FROM p", ["p"]),
    ],
)
def test_a_query_may_use_the_language(parser: Any, text: str, names: list[str]) -> None:
    assert sorted({one.name for one in inspect(parser, text).tables}) == sorted(names)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/never-written.csv'",
        "ATTACH '/tmp/never-made.db'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SET allowed_paths = ['/etc/passwd']",
        "SET allowed_directories = ['/etc']",
        "SET python_enable_replacements = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE PERSISTENT SECRET s (TYPE s3)",
        "SELECT * FROM duckdb_secrets()",
        "SELECT getenv('PATH')",
        "SELECT * FROM connection",
        "SELECT * FROM sources",
    ],
)
def test_the_engine_itself_is_locked_should_a_statement_slip_through(
    ingested: Ingested, text: str
) -> None:
    version = ingested(b"a\n1\n")
    with connect(EngineLimits(memory_bytes=100 * 1024**2, threads=1)) as connection:
        lock(connection, {"people": source_of(version)})
        assert connection.execute("SELECT a FROM people").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error):
            connection.execute(text)
    assert not Path("/tmp/never-written.csv").exists()
    assert not Path("/tmp/never-made.db").exists()


def test_a_statement_reads_versions_by_name_number_and_moment(
    ingested: Ingested, principal: Principal
) -> None:
    first = ingested(b"a,t\n1,x\n2,=y\n")
    ingested(b"a,t\n5,z\n")
    moment = (first.created_at + timedelta(seconds=0)).isoformat()
    result = services.run_sql(
        principal=principal,
        query=(
            'SELECT (SELECT sum(a) FROM people) AS newest, (SELECT sum(a) FROM "people@1") AS old, '
            f"(SELECT sum(a) FROM \"People@2199-01-01\") AS later, (SELECT '{moment}'::TIMESTAMPTZ) AS at, "
            "'NaN'::DOUBLE, 10::HUGEINT ** 3, 1.50::DECIMAL(9,2), NULL, [1, NULL], {'a': DATE '2020-01-02'}"
        ),
    )
    assert result.rows[0][:3] == [5, 3, 5]
    assert result.rows[0][4] == "NaN"
    assert result.rows[0][6:] == ["1.50", None, [1, None], {"a": "2020-01-02"}]
    assert [one.type for one in result.columns][:2] == ["HUGEINT", "HUGEINT"]
    event = AuditEvent.objects.get(action="sql.run")
    assert set(event.changes) == {"query", "tables", "rows", "seconds"}
    assert (
        event.changes["tables"] == ["people", "people@1", "People@2199-01-01"]
        or len(event.changes["tables"]) == 3
    )


def test_errors_say_where(
    api: Callable[..., APIClient], ingested: Ingested, other_project: Project
) -> None:
    ingested(b"a\n1\n")
    client = api(Role.VIEWER)
    answer = client.post("/api/v1/sql/", {"query": "SELECT 'é',\n  nope FROM people"})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "sql_error")
    assert (body["line"], body["column"], body["position"]) == (2, 3, 14)
    answer = client.post("/api/v1/sql/", {"query": "SELECT *\nFROM salaries"})
    assert (answer.status_code, answer.json()["line"]) == (422, 2)
    assert "no dataset 'salaries'" in answer.json()["detail"]
    stranger = api(Role.ADMIN, in_project=other_project)
    answer = stranger.post("/api/v1/sql/", {"query": "SELECT * FROM people"})
    assert (answer.status_code, answer.json()["code"]) == (422, "sql_error")
    assert AuditEvent.objects.filter(action="sql.run").count() == 3


def test_rows_are_limited_and_the_answer_is_plain_json(
    api: Callable[..., APIClient], ingested: Ingested
) -> None:
    ingested(b"a\n1\n2\n3\n")
    client = api(Role.VIEWER, scopes=["read"])
    query = {"query": "SELECT * FROM people ORDER BY a DESC", "limit": 2}
    answer = client.post("/api/v1/sql/", query)
    assert answer.status_code == 200
    body = answer.json()
    assert body["columns"] == [{"name": "a", "type": "BIGINT"}]
    assert (body["rows"], body["truncated"], body["tables"]) == ([[3], [2]], True, ["people"])
    for wrong in ({}, {"query": ""}, {"query": "SELECT 1", "limit": 0}, {"query": "x" * 100_001}):
        assert client.post("/api/v1/sql/", wrong).status_code == 422
    assert APIClient().post("/api/v1/sql/", query).status_code == 401


@pytest.mark.process
@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("SELECT count(*) FROM range(1000000000000) a, range(1000)", SqlTimedOut),
        ("WITH RECURSIVE t AS (SELECT 1 a UNION ALL SELECT a + 1 FROM t) FROM t", SqlTimedOut),
        ("SELECT length(repeat('x', 4000000000))", SqlOutOfMemory),
        ("SELECT list(range) FROM range(100000000)", SqlOutOfMemory),
    ],
)
def test_what_takes_too_much_harms_nobody(
    principal: Principal, settings: Settings, text: str, refusal: type[Exception]
) -> None:
    settings.SQL_SECONDS = 1.0 if refusal is SqlTimedOut else 60.0
    settings.SQL_MEMORY_BYTES = 64 * 1024**2
    settings.SQL_SPILL_BYTES = 1024**2
    with pytest.raises((refusal, SqlOutOfMemory)):
        services.run_sql(principal=principal, query=text)
    assert not list(Path(settings.SCRATCH_ROOT).iterdir())
    settings.SQL_SECONDS = 60.0
    assert services.run_sql(principal=principal, query="SELECT 1").rows == [[1]]


@pytest.mark.process
@pytest.mark.parametrize(
    ("ending", "refusal"),
    [
        ("raise ValueError('no such wheel')", SqlProcessFailed),
        ("sys.exit(0)", SqlProcessFailed),
        ("os.kill(os.getpid(), signal.SIGTERM)", SqlProcessFailed),
        ("raise MemoryError", SqlOutOfMemory),
        ("os.kill(os.getpid(), signal.SIGKILL)", SqlOutOfMemory),
        ("resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass", SqlTimedOut),
    ],
)
def test_a_process_that_breaks_down_says_why(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ending: str,
    refusal: type[DomainError],
) -> None:
    code = f"import os, resource, signal, sys\n{ending}"
    monkeypatch.setattr(sql, "_COMMAND", (sys.executable, "-c", code))
    with pytest.raises(refusal):
        run_statement(query="SELECT 1", row_limit=1, resolve=lambda _: None)
    assert not list(Path(settings.SCRATCH_ROOT).iterdir())
    assert ("no such wheel" in caplog.text) == ("wheel" in ending)
    assert any(one.levelname == "ERROR" for one in caplog.records) == (refusal is SqlProcessFailed)


def test_only_so_many_statements_run_at_once() -> None:
    turns = Turns(SqlBusy("full"), SqlOneAtATime("twice"))
    with turns.turn("a", places=2):
        with pytest.raises(SqlOneAtATime), turns.turn("a", places=2):
            pass
        with turns.turn("b", places=2), pytest.raises(SqlBusy), turns.turn("c", places=2):
            pass
        with turns.turn("c", places=2):
            pass
    with turns.turn("a", places=1):
        pass


def test_a_busy_server_says_when_to_come_back(
    api: Callable[..., APIClient], settings: Settings
) -> None:
    settings.SQL_AT_ONCE = 0
    answer = api().post("/api/v1/sql/", {"query": "SELECT 1"})
    assert (answer.status_code, answer.json()["code"]) == (503, "sql_busy")
    assert answer["Retry-After"] == "2"


def test_a_shared_dataset_is_named_with_its_project(
    api: Callable[..., APIClient], ingested: Ingested, dataset: Dataset, other_project: Project
) -> None:
    ingested(b"a\n1\n")
    client = api(Role.VIEWER, in_project=other_project)
    share(dataset, other_project.pk, "view")
    tables = client.get("/api/v1/sql/tables/").json()["results"]
    assert [(one["name"], one["version"], one["row_count"]) for one in tables] == [
        ("demo/people", 1, 1)
    ]
    answer = client.post("/api/v1/sql/", {"query": 'SELECT a FROM "demo/people@1"'})
    assert answer.json()["rows"] == [[1]]
    share(dataset, other_project.pk, "train")
    assert client.get("/api/v1/sql/tables/").json()["results"] == []
    answer = client.post("/api/v1/sql/", {"query": 'SELECT a FROM "demo/people"'})
    assert answer.status_code == 422


def test_the_list_of_tables_needs_few_queries(
    api: Callable[..., APIClient],
    principal: Principal,
    ingested: Ingested,
    django_assert_max_num_queries: Any,
) -> None:
    ingested(b"a\n1\n")
    client = api()
    for name in ("b", "c", "d"):
        services.create_dataset(principal=principal, name=name)
    client.get("/api/v1/sql/tables/")
    with django_assert_max_num_queries(6):
        assert client.get("/api/v1/sql/tables/").json()["count"] == 1


def test_names_are_taken_apart_at_the_last_sign() -> None:
    assert TableName.parse("people") == TableName("people")
    assert TableName.parse("people@3") == TableName("people", number=3)
    assert TableName.parse("a@b") == TableName("a@b")
    assert TableName.parse("a@3@latest") == TableName("a@3")
    assert TableName.parse("@3") == TableName("@3")
    dated = TableName.parse("people@2026-01-31")
    assert dated.at is not None
    assert (dated.dataset, dated.at.isoformat()) == ("people", "2026-01-31T00:00:00+00:00")


def test_no_value_is_lost_or_breaks_json() -> None:
    values = [2**63, -(2**70), float("inf"), b"\x00", {"k": [float("nan")]}, timedelta(days=1)]
    assert [json_value(value) for value in values] == [
        "9223372036854775808",
        "-1180591620717411303424",
        "Infinity",
        "AA==",
        {"k": ["NaN"]},
        "1 day, 0:00:00",
    ]
    assert len(json_value("x" * 20_000)) == 10_000


def test_an_interval_is_text_with_its_units() -> None:
    wanted = "SELECT INTERVAL 1 DAY, INTERVAL '-14 months 1.5 seconds', [INTERVAL 90 MINUTES]"
    result = run_statement(query=wanted, row_limit=1, resolve=lambda name: None)
    assert result.rows == [["P0M1DT0S", "P-14M0DT1.5S", ["P0M0DT5400S"]]]

"""Sources in warehouses."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import AuditEvent
from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake, services
from datasets.errors import SourceNotAllowed, SourceUnreachable
from datasets.models import RunOutcome, Source, SourceRun
from datasets.services.source_terms import terms_of
from jobs.models import Job
from tests.datasets.source_making import MakeSource, version_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def warehouse(incoming: Path, settings: Settings) -> Path:
    """A SQLite file with three sales."""
    settings.SOURCE_SQL_DIALECTS = ["postgresql+psycopg", "sqlite"]
    path = incoming / "sales.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE sales (id INTEGER, name TEXT, price, paid BOOLEAN)")
        database.executemany(
            "INSERT INTO sales VALUES (?, ?, ?, ?)",
            [(1, "pen", 2, 1), (2, "100%", 2.5, 0), (3, None, None, None)],
        )
    database.close()
    return path


def sqlite_source(make: MakeSource, path: Path, query: str, **values: Any) -> Source:
    return make("sql", query=query, secrets={"url": f"sqlite:///{path}"}, **values)


def test_rows_of_a_query_are_appended_beyond_the_watermark(
    warehouse: Path,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
) -> None:
    query = "SELECT * FROM sales WHERE name <> '%x' OR name IS NULL -- all;\n;"
    source = sqlite_source(make_source, warehouse, query, mode="append", watermark_column="id")
    assert services.check_source(principal=principal, source=source).rows[0] == [1, "pen", 2.0, 1]
    first = read_source(source)
    assert lake.read_table(version_of(first)).to_pylist()[1:] == [
        {"id": 2, "name": "100%", "price": 2.5, "paid": 0},
        {"id": 3, "name": None, "price": None, "paid": None},
    ]
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    with sqlite3.connect(warehouse) as database:
        database.execute("INSERT INTO sales VALUES (4, 'cap', 9, 1)")
    database.close()
    run = read_source(source)
    assert (run.rows, version_of(run).row_count) == (1, 4)
    assert version_of(run).source["watermark"] == {"column": "id", "after": 3, "through": 4}
    assert version_of(run).source["address"].startswith("sqlite:///")


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        (" ;\n", "query_refused", "Write a SELECT."),
        ("SELECT 1 AS __row__", "bad_header", "Column 1 has a reserved name"),
        ("DROP TABLE sales", "query_refused", 'near "DROP": syntax error'),
        (
            "SELECT 1) AS x; DROP TABLE sales; SELECT * FROM (SELECT 1",
            "query_refused",
            "You can only execute one statement at a time.",
        ),
        ("ATTACH DATABASE '/tmp/x' AS y", "query_refused", "syntax error"),
        ("PRAGMA journal_mode=WAL", "query_refused", "syntax error"),
        ("SELECT * FROM pragma_table_info('sales')", "query_refused", "not authorized"),
        ("SELECT * FROM nowhere", "query_refused", "no such table: nowhere"),
        ("SELECT x'00' AS bytes", "unsupported_column_type", "Column 'bytes' holds bytes."),
        ("SELECT load_extension('x')", "query_refused", "not authorized"),
    ],
)
def test_queries_that_do_more_than_read_are_refused(
    query: str,
    code: str,
    says: str,
    warehouse: Path,
    make_source: MakeSource,
    principal: Principal,
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.check_source(
            principal=principal, source=sqlite_source(make_source, warehouse, query)
        )
    assert (refusal.value.code, refusal.value.errors[0].field) == (code, "settings.query")
    assert says in refusal.value.message
    with sqlite3.connect(warehouse) as database:
        assert database.execute("SELECT count(*) FROM sales").fetchone() == (3,)
    database.close()


_NO_HOST = "The connection names one host."
_NO_PLACE = "The path is not below a folder that this site may read (SOURCE_PATHS)."
_OTHER_OPTION = "Only these options are taken: channel_binding, connect_timeout, sslmode,"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "mysql://u:hunter2@host/db",
            "The dialect is one of postgresql+psycopg, sqlite.",
        ),
        ("postgresql+psycopg:///db", _NO_HOST),
        ("postgresql+psycopg://u:hunter2@a,b/db", _NO_HOST),
        ("postgresql+psycopg://u:hunter2@%2Fvar%2Frun%2Fpostgresql/db", _NO_HOST),
        ("postgresql+psycopg://u:hunter2@/db?host=/var/run/postgresql", _OTHER_OPTION),
        ("postgresql+psycopg://u:hunter2@host/db?passfile=/etc/passwd", _OTHER_OPTION),
        ("postgresql+psycopg://u:hunter2@host/db?service=x", _OTHER_OPTION),
        ("sqlite:////etc/other.db", _NO_PLACE),
        ("sqlite://", _NO_PLACE),
        ("not a url hunter2", "This is no connection URL."),
    ],
)
def test_connections_that_are_not_allowed_are_refused_without_showing_them(
    url: str, says: str, warehouse: Path, make_source: MakeSource
) -> None:
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("sql", query="SELECT 1", secrets={"url": url})
    assert refusal.value.field == "secrets.url"
    assert refusal.value.message.startswith(says)
    assert "hunter2" not in refusal.value.message
    assert Source.objects.count() == 0


def test_hosts_of_warehouses_can_be_listed(settings: Settings, make_source: MakeSource) -> None:
    settings.SOURCE_SQL_HOSTS = ["warehouse.example"]
    make_source(
        "sql", query="SELECT 1", secrets={"url": "postgresql+psycopg://u@warehouse.example/d"}
    )
    with pytest.raises(SourceNotAllowed, match="SOURCE_SQL_HOSTS") as refusal:
        make_source("sql", query="SELECT 1", secrets={"url": "postgresql+psycopg://u@other/d"})
    assert refusal.value.field == "secrets.url"


def test_secrets_are_nowhere_but_sealed(
    make_source: MakeSource,
    principal: Principal,
    failed_read: Callable[[Source], Job],
    free_port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port}/db"
    source = make_source("sql", query="SELECT 1", secrets={"url": url})
    job = failed_read(source)
    assert job.error_code == "source_unreachable"
    services.change_source(
        principal=principal,
        source=source,
        terms=terms_of(source),
        secrets={"url": url.replace("hunter2", "hunter23")},
    )
    source.refresh_from_db()
    assert source.secrets["url"].count("hunter23") == 1
    with pytest.raises(SourceUnreachable):
        services.check_source(principal=principal, source=source)
    everything = [
        *(str(row) for row in Job.objects.values()),
        *(str(row) for row in AuditEvent.objects.values()),
        *(str(row) for row in Source.objects.values()),
        *(str(row) for row in SourceRun.objects.values()),
        caplog.text,
        repr(source.__dict__),
    ]
    assert not any("hunter2" in text for text in everything)
    assert AuditEvent.objects.get(action="source.changed").changes == {"secrets": ["url"]}


def test_text_is_beyond_the_watermark_by_code_points_whatever_a_column_says(
    warehouse: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    with sqlite3.connect(warehouse) as database:
        database.execute("CREATE TABLE tags (name TEXT COLLATE NOCASE)")
        database.execute("INSERT INTO tags VALUES ('Z')")
    database.close()
    source = sqlite_source(
        make_source, warehouse, "SELECT name FROM tags", mode="append", watermark_column="name"
    )
    read_source(source)
    with sqlite3.connect(warehouse) as database:
        database.execute("INSERT INTO tags VALUES ('a')")
    database.close()
    assert lake.read_table(version_of(read_source(source)))["name"].to_pylist() == ["Z", "a"]
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW


@pytest.fixture
def sales_schema() -> Iterator[str]:
    """A schema of the test's own in the PostgreSQL database, seen by other connections."""
    if connection.vendor != "postgresql":
        pytest.skip("needs DATABASE_URL of PostgreSQL")
    import psycopg

    named = connection.get_connection_params()
    place = {
        key: named[key] for key in ("dbname", "user", "password", "host", "port") if key in named
    }
    place["dbname"] = connection.settings_dict["NAME"]
    with psycopg.connect(**place, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS shop CASCADE")
        admin.execute("CREATE SCHEMA shop")
        admin.execute(
            "CREATE TABLE shop.sales (id bigint, name text, price numeric(9,2), n numeric(6,0),"
            " paid boolean, day date, at timestamp, seen timestamptz, tags jsonb, big numeric)"
        )
        admin.execute(
            "INSERT INTO shop.sales SELECT i, 'item ' || i || ' 50%', i + 0.25, i, i % 2 = 0,"
            " DATE '2026-01-01' + i::int, TIMESTAMP '2026-01-01 00:00:00.000001' + i * INTERVAL '1 hour',"
            " '2026-01-01T00:00:00+02', '{\"a\": 1}', 0.5 FROM generate_series(1, 25000) AS i"
        )
        yield (
            f"postgresql+psycopg://{place.get('user', '')}:{place.get('password', '')}"
            f"@{place.get('host') or '127.0.0.1'}:{place.get('port') or 5432}/{place['dbname']}"
        )
        admin.execute("DROP SCHEMA shop CASCADE")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_query_against_postgresql_is_streamed_and_goes_on_at_the_watermark(
    sales_schema: str,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
) -> None:
    import psycopg

    source = make_source(
        "sql",
        query="SELECT * FROM shop.sales WHERE name LIKE '%50%' ORDER BY id",
        mode="append",
        watermark_column="at",
        secrets={"url": sales_schema},
    )
    assert len(services.check_source(principal=principal, source=source).rows) == 20
    version = version_of(read_source(source))
    assert version.row_count == 25_000
    types = {column["name"]: column["type"] for column in version.schema["columns"]}
    assert types == {
        "id": "integer",
        "name": "string",
        "price": "number",
        "n": "integer",
        "paid": "boolean",
        "day": "timestamp",
        "at": "timestamp",
        "seen": "timestamp",
        "tags": "string",
        "big": "number",
    }
    first = lake.preview(version, offset=0, limit=1).to_pylist()[0]
    assert first["at"].isoformat() == "2026-01-01T01:00:00.000001+00:00"
    assert first["seen"].isoformat() == "2025-12-31T22:00:00+00:00"
    assert (first["price"], first["tags"]) == (1.25, '{"a": 1}')
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    with psycopg.connect(sales_schema.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(
            "INSERT INTO shop.sales (id, name, at) VALUES (0, 'late 50%', '2027-01-01'), "
            "(1, 'early 50%', '2020-01-01')"
        )
        # 25,000 hours after the start of 2026 is in November 2028: both lie below the watermark.
        assert read_source(source).outcome == RunOutcome.NOTHING_NEW
        admin.execute("INSERT INTO shop.sales (id, name, at) VALUES (0, 'x 50%', '2050-01-01')")
        assert read_source(source).rows == 1
    assert source.position["watermark"]["value"].startswith("2050-01-01T00:00:00")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_watermark_of_text_is_compared_by_code_points_in_postgresql_too(
    sales_schema: str, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    import psycopg

    by_name = make_source(
        "sql",
        name="by name",
        query="SELECT name FROM shop.sales WHERE id < 4 OR id > 90000",
        mode="append",
        watermark_column="name",
        secrets={"url": sales_schema},
    )
    assert read_source(by_name).rows == 3
    assert by_name.position["watermark"]["value"] == "item 3 50%"
    with psycopg.connect(sales_schema.replace("+psycopg", ""), autocommit=True) as admin:
        # A language would sort 'Item' and 'ítem' beside 'item'; code points do not.
        admin.execute(
            "INSERT INTO shop.sales (id, name) VALUES (90001, 'Item 9'), (90002, 'ítem 1'), "
            "(90003, 'item 3 50%'), (90004, 'item 30')"
        )
    run = read_source(by_name)
    assert run.rows == 2
    stored = lake.read_table(version_of(run))["name"].to_pylist()
    assert sorted(stored[3:]) == ["item 30", "ítem 1"]
    assert by_name.position["watermark"]["value"] == "ítem 1"
    assert read_source(by_name).outcome == RunOutcome.NOTHING_NEW


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_watermark_of_single_precision_reads_no_row_twice(
    sales_schema: str, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    source = make_source(
        "sql",
        query="SELECT id, (id / 10.0)::real AS share FROM shop.sales WHERE id < 4",
        mode="append",
        watermark_column="share",
        secrets={"url": sales_schema},
    )
    assert read_source(source).rows == 3
    assert source.position["watermark"]["value"] == 0.3
    # PostgreSQL widens 0.3 of four bytes to 0.30000001…, which is more than 0.3.
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("DELETE FROM shop.sales RETURNING id", "query_refused", 'syntax error at or near "FROM"'),
        (
            "SELECT 1) AS x; DROP TABLE shop.sales; SELECT * FROM (SELECT 1",
            "query_refused",
            "cannot insert multiple commands",
        ),
        ("SELECT nextval('shop.counter')", "query_refused", "in a read-only transaction"),
        ("SELECT pg_sleep(30)", "query_refused", "The query took too long."),
        (
            "SELECT 12345678901234567890.123456789::numeric AS x",
            "value_out_of_range",
            "Column 'x' holds a value that does not fit double. Cast it in the query.",
        ),
        (
            "SELECT set_config('transaction_read_only', 'off', false)",
            "query_refused",
            "read-write mode must be set before any query",
        ),
        (
            "SELECT 1 AS a, 2 AS a",
            "bad_header",
            "Columns 1 and 2 have the same name ('a').",
        ),
    ],
)
def test_postgresql_is_only_read_and_not_for_long(
    query: str,
    code: str,
    says: str,
    sales_schema: str,
    make_source: MakeSource,
    principal: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import psycopg

    monkeypatch.setattr("datasets.sources.warehouse._LOOK_SECONDS", 0.5)
    with psycopg.connect(sales_schema.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("CREATE SEQUENCE shop.counter")
        source = make_source("sql", query=query, secrets={"url": sales_schema})
        with pytest.raises(Invalid) as refusal:
            services.check_source(principal=principal, source=source)
        assert (refusal.value.code, refusal.value.errors[0].field) == (code, "settings.query")
        assert says in refusal.value.message
        count = admin.execute("SELECT count(*) FROM shop.sales").fetchone()
        assert count == (25_000,)

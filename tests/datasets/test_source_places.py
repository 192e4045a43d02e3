"""Sources at web addresses, in buckets and in warehouses."""

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
from datasets.services import SourceTerms
from datasets.services.sources import terms_of
from jobs.models import Job
from tests.core.test_outbound import Site, names, web  # noqa: F401 (fixtures)
from tests.core.tls_site import Authority, tls_site
from tests.datasets.source_making import MakeSource, version_of

pytestmark = pytest.mark.django_db


# --- Web addresses


@pytest.fixture
def web_on(settings: Settings) -> None:
    settings.SOURCE_HTTP = True
    settings.SOURCE_HTTP_PRIVATE_NETWORKS = ["127.0.0.0/8"]


def test_a_file_of_the_web_becomes_a_version_once(
    web_on: None,
    web: int,  # noqa: F811
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
) -> None:
    secrets = {"token": "tok-secret", "query": "sig=sig-secret"}
    source = make_source("http", url=f"http://127.0.0.1:{web}/a.csv", secrets=secrets)
    version = version_of(read_source(source))
    assert lake.read_table(version).to_pylist() == [{"name": "Ada"}]
    assert version.source["address"] == f"http://127.0.0.1:{web}/a.csv?…"
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    path, headers = Site.asked[0]
    assert path == "/a.csv?sig=sig-secret"
    assert headers["Authorization"] == "Bearer tok-secret"


def test_web_sources_are_off_unless_switched_on(make_source: MakeSource) -> None:
    with pytest.raises(SourceNotAllowed, match="switched off") as refusal:
        make_source("http", url="https://example.org/a.csv")
    assert refusal.value.field == "kind"


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"url": "ftp://a.example/x.csv"}, "settings.url", "begins with https:// or http://"),
        ({"url": "https://u:pw@a.example/x.csv"}, "settings.url", "no name and password"),
        ({"url": "https://a.example/x.csv?sig=1"}, "settings.url", "query has a field of its own"),
        ({"url": "https://a.example/x.csv#1"}, "settings.url", "query has a field of its own"),
        ({"url": "https://a.example:99999/"}, "settings.url", "no web address"),
        (
            {"url": "https://a.example/x.csv", "secrets": {"token": "a\r\nHost: b"}},
            "secrets.token",
            "printable ASCII",
        ),
    ],
)
def test_bad_web_addresses_and_tokens_are_named(
    values: dict[str, Any], field: str, says: str, web_on: None, make_source: MakeSource
) -> None:
    with pytest.raises(SourceNotAllowed, match=says) as refusal:
        make_source("http", **values)
    assert refusal.value.field == field
    assert Source.objects.count() == 0


def test_a_source_over_https_asks_the_checked_address_and_believes_the_name_only(
    web_on: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, list[str]],  # noqa: F811
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    failed_read: Callable[[Source], Job],
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    names["data.example"] = ["127.0.0.1", "127.9.9.9"]
    with tls_site(authority.context_for("data.example")) as site:
        source = make_source("http", url=f"https://data.example:{site.port}/a.csv")
        assert lake.read_table(version_of(read_source(source))).to_pylist() == [{"name": "Ada"}]
        assert (site.connections, site.server_names) == (1, ["data.example"])
    names["data.example"] = ["127.0.0.1"]
    with tls_site(authority.context_for("other.example")) as site:
        source = make_source("http", name="two", url=f"https://data.example:{site.port}/a.csv")
        job = failed_read(source)
        assert (job.error_code, site.hosts) == ("host_unreachable", [])


def test_a_host_that_is_not_public_is_refused_when_it_is_read(
    settings: Settings,
    web: int,  # noqa: F811
    make_source: MakeSource,
    failed_read: Callable[[Source], Job],
) -> None:
    settings.SOURCE_HTTP = True
    source = make_source("http", url=f"http://127.0.0.1:{web}/a.csv")
    assert failed_read(source).error_code == "host_not_allowed"
    assert Site.asked == []


def test_secrets_do_not_follow_a_source_to_another_host(
    web_on: None, make_source: MakeSource, principal: Principal
) -> None:
    source = make_source("http", url="https://a.example/x.csv", secrets={"token": "tok"})
    moved = SourceTerms(name="http", settings={"url": "https://evil.example/x.csv"})
    with pytest.raises(Invalid) as refusal:
        services.change_source(principal=principal, source=source, terms=moved)
    assert refusal.value.field == "secrets.token"
    changed = services.change_source(
        principal=principal, source=source, terms=moved, secrets={"token": ""}
    )
    assert changed.secrets == {}


# --- Buckets


def put(s3: Any, bucket: str, **objects: str) -> None:
    for name, text in objects.items():
        s3.put_object(Bucket=bucket, Key=name.replace("__", "/") + ".csv", Body=text.encode())


def test_new_objects_of_a_pattern_are_appended(
    s3: Any,
    bucket: str,
    settings: Settings,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
) -> None:
    settings.SOURCE_S3_BUCKETS = [f"{bucket}/in"]
    put(s3, bucket, in__1="name\nAda\n", in__2="name\nAlan\n", in__deep__3="name\nGrace\n")
    source = make_source("s3", url=f"s3://{bucket}/in/*.csv", mode="append")
    assert services.check_source(principal=principal, source=source).rows == [["Ada"]]
    first = version_of(read_source(source))
    assert lake.read_table(first)["name"].to_pylist() == ["Ada", "Alan"]
    assert first.source["address"] == f"s3://{bucket}/in/*.csv"
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    put(s3, bucket, in__4="name\nMary\n")
    assert read_source(source).rows == 1
    deep = make_source("s3", url=f"s3://{bucket}/in/**/3.csv", name="deep")
    assert read_source(deep).rows == 1


def test_a_source_may_bring_its_own_key(
    s3: Any, bucket: str, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    put(s3, bucket, a="name\nAda\n")
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("s3", url=f"s3://{bucket}/a.csv")
    assert refusal.value.field == "settings.access_key_id"
    source = make_source(
        "s3",
        url=f"s3://{bucket}/a.csv",
        access_key_id="own",
        secrets={"secret_access_key": "own-secret"},
    )
    assert read_source(source).rows == 1


def test_the_lake_of_the_site_is_no_source(
    lake_in_s3: str, settings: Settings, make_source: MakeSource
) -> None:
    settings.SOURCE_S3_BUCKETS = [lake_in_s3]
    for url in (f"s3://{lake_in_s3}/lake/datasets/1/*.parquet", f"s3://{lake_in_s3}/**"):
        with pytest.raises(SourceNotAllowed, match="own storage") as refusal:
            make_source("s3", url=url)
        assert refusal.value.field == "settings.url"


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"url": "https://bucket/a"}, "settings.url", "The address is s3://bucket/path."),
        ({"url": "s3://bucket"}, "settings.url", "The address is s3://bucket/path."),
        (
            {"url": "s3://open/a", "endpoint_url": "http://169.254.169.254"},
            "settings.endpoint_url",
            "The site does not talk to this endpoint (SOURCE_S3_ENDPOINTS).",
        ),
        (
            {"url": "s3://open/a", "access_key_id": "x"},
            "secrets.secret_access_key",
            "A key has an id and a secret.",
        ),
    ],
)
def test_bad_addresses_of_objects_are_named(
    values: dict[str, str], field: str, says: str, settings: Settings, make_source: MakeSource
) -> None:
    settings.SOURCE_S3_BUCKETS = ["open"]
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("s3", **values)
    assert (refusal.value.field, refusal.value.message) == (field, says)
    assert Source.objects.count() == 0


def test_a_bucket_or_an_object_that_is_not_there_is_told_without_the_key(
    s3: Any,
    bucket: str,
    settings: Settings,
    make_source: MakeSource,
    failed_read: Callable[[Source], Job],
    free_port: int,
) -> None:
    away = f"http://127.0.0.1:{free_port}"
    settings.SOURCE_S3_ENDPOINTS = [away]
    key: dict[str, Any] = {
        "access_key_id": "own",
        "secrets": {"secret_access_key": "own-secret"},
    }
    absent = f"s3://{bucket}/b.csv"
    for name, values, code, says in (
        ("object", {"url": absent}, "source_missing", "No object has this address."),
        ("bucket", {"url": "s3://none/*.csv"}, "source_missing", "No object has this address."),
        (
            "server",
            {"url": absent, "endpoint_url": away},
            "source_unreachable",
            "The bucket cannot be read",
        ),
    ):
        job = failed_read(make_source("s3", name=name, **values, **key))
        assert job.error_code == code
        assert says in job.error_message
        assert "own-secret" not in job.error_message


# --- Warehouses


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

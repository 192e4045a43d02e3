"""Sources at web addresses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake, services
from datasets.errors import SourceNotAllowed
from datasets.models import RunOutcome, Source, SourceRun
from datasets.services import SourceTerms
from jobs.models import Job
from tests.core.test_outbound import Site, names, web  # noqa: F401 (fixtures)
from tests.core.tls_site import Authority, tls_site
from tests.datasets.source_making import MakeSource, version_of

pytestmark = pytest.mark.django_db


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

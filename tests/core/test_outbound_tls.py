"""HTTPS on a user's behalf: the address that was checked is connected, the name is what must prove itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.outbound import Bounds, HostNotAllowed, HostUnreachable, fetch
from tests.core.test_outbound import LOCAL, names  # noqa: F401 (a fixture)
from tests.core.tls_site import Authority, TlsSite, tls_site

NAME = "data.example"
Names = dict[str, list[str]]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    return made


@pytest.fixture
def site(authority: Authority) -> Iterator[TlsSite]:
    """``data.example`` at 127.0.0.1."""
    with tls_site(authority.context_for(NAME)) as made:
        yield made


def get(site: TlsSite, bounds: Bounds = LOCAL, *, host: str = NAME) -> bytes:
    return b"".join(fetch(f"https://{host}:{site.port}/a.csv", bounds=bounds))


def test_the_checked_address_is_connected_and_the_name_stands_in_greeting_and_host(
    site: TlsSite,
    authority: Authority,
    names: Names,  # noqa: F811
) -> None:
    names[NAME] = ["127.0.0.1", "127.9.9.9"]  # re-bound after the check
    with tls_site(authority.context_for(NAME), address="127.9.9.9", port=site.port) as elsewhere:
        assert get(site) == b"name\nAda\n"
        assert elsewhere.connections == 0
    assert (site.connections, site.server_names) == (1, [NAME])
    assert site.hosts == [f"{NAME}:{site.port}"]
    assert names[NAME] == ["127.9.9.9"]  # it was looked up once


def test_a_name_that_is_bound_to_a_private_address_is_not_even_connected(
    site: TlsSite,
    names: Names,  # noqa: F811
) -> None:
    names[NAME] = ["127.0.0.1", "93.184.215.14"]
    with pytest.raises(HostNotAllowed):
        get(site, Bounds(max_bytes=1000, total_seconds=5))
    assert site.connections == 0


@pytest.mark.parametrize("proven", ["other.example", "127.0.0.1"])
def test_a_certificate_of_another_name_or_of_the_address_is_refused(
    proven: str,
    authority: Authority,
    names: Names,  # noqa: F811
) -> None:
    names[NAME] = ["127.0.0.1"]
    with tls_site(authority.context_for(proven)) as site:
        with pytest.raises(HostUnreachable):
            get(site)
        assert (site.connections, site.server_names, site.hosts) == (1, [NAME], [])


def test_a_certificate_that_nobody_trusted_signed_is_refused(
    site: TlsSite,
    names: Names,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names[NAME] = ["127.0.0.1"]
    (tmp_path / "stranger").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path / "stranger").path))
    with pytest.raises(HostUnreachable):
        get(site)
    assert (site.connections, site.hosts) == (1, [])


def test_an_address_in_the_place_of_a_name_must_be_in_the_certificate(authority: Authority) -> None:
    with tls_site(authority.context_for("127.0.0.1")) as site:
        assert get(site, host="127.0.0.1") == b"name\nAda\n"
    with tls_site(authority.context_for(NAME)) as site:
        with pytest.raises(HostUnreachable):
            get(site, host="127.0.0.1")
        assert site.hosts == []

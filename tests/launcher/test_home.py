"""The data folder, the port, the private Redis' place and the first user."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiToken, Membership, Project, Role
from mlops_site.supervisor import private_redis
from mlops_site.supervisor.banner import Banner
from mlops_site.supervisor.errors import CannotStart
from mlops_site.supervisor.example import example_call
from mlops_site.supervisor.first_user import FirstUser, ensure_first_user, first_user
from mlops_site.supervisor.home import Home
from mlops_site.supervisor.ports import choose_port, is_free


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A data folder of the test's own."""
    made = Home(tmp_path / "data")
    made.make()
    yield made
    made.unlock()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_for_its_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    folder.mkdir(parents=True, mode=0o755)
    Home(folder).make()
    assert _mode(folder) == 0o700


def test_a_second_up_on_the_same_folder_is_refused(home: Home) -> None:
    home.lock()
    with pytest.raises(CannotStart, match=f"runs already on .*process {os.getpid()}"):
        Home(home.path).lock()


def test_emptying_keeps_the_lock_and_does_not_follow_links(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    home.lock()
    (home.path / "lake").mkdir()
    (home.path / "lake" / "part").touch()
    (home.path / "link").symlink_to(outside)
    home.empty()
    assert [entry.name for entry in home.path.iterdir()] == ["up.lock"]
    assert (outside / "precious").exists()


def test_a_private_file_is_private(home: Home) -> None:
    path = home.write_private("secret", "text")
    assert _mode(path) == 0o600
    assert path.read_text() == "text"
    assert [entry.name for entry in home.path.iterdir()] == ["secret"]


def test_a_busy_port_that_was_asked_for_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} .* is in use"):
            choose_port("127.0.0.1", port)


def test_without_a_wish_the_next_free_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as busy:
        port = busy.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert choose_port("127.0.0.1", None, default=port) > port


def test_a_socket_in_a_deep_folder_goes_where_its_path_is_short_enough(home: Home) -> None:
    near = private_redis.socket_path(Path("/var/lib/mlops/redis"))
    assert near == Path("/var/lib/mlops/redis/redis.sock")
    far = private_redis.socket_path(home.path / ("x" * 100))
    try:
        assert len(os.fsencode(far)) < 104
        assert _mode(far.parent) == 0o700
    finally:
        private_redis.remove_socket(private_redis.url_of(far))
    assert not far.parent.exists()


def test_without_any_redis_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="Install Redis"):
        private_redis.find_executable()


def test_the_first_start_makes_an_administrator_with_a_random_password(
    home: Home, db: None
) -> None:
    ensure_first_user(home)
    who = first_user(home)
    assert who.password is not None
    assert len(who.password) >= 16
    assert _mode(who.password_file) == 0o600
    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert Membership.objects.get(user=user, project__slug="demo").role == Role.ADMIN


def test_later_starts_change_nothing(home: Home, db: None) -> None:
    ensure_first_user(home)
    before = first_user(home)
    ensure_first_user(home)
    assert first_user(home) == before
    assert Project.objects.count() == 1


def test_a_password_that_was_changed_is_not_shown(home: Home, db: None) -> None:
    ensure_first_user(home)
    user = User.objects.get(username="admin")
    user.set_password("something of my own")
    user.save()
    assert first_user(home).password is None


def test_before_the_first_deployment_the_example_lists_jobs(home: Home, db: None) -> None:
    ensure_first_user(home)
    call = example_call(home)
    curl = call.curl("http://127.0.0.1:8000")
    assert curl.endswith(" http://127.0.0.1:8000/api/v1/jobs/")
    token = ApiToken.objects.get()
    assert f"Bearer {token.prefix}" in curl
    assert token.scopes == ["predict", "read"]
    assert token.expires_at is not None


def test_the_banner_says_all_that_one_needs(tmp_path: Path) -> None:
    banner = Banner(
        base_url="http://127.0.0.1:8000",
        user=FirstUser("admin", tmp_path / "admin-password", "s3cret"),
        curl="curl something",
        home=tmp_path,
        ready_after_seconds=3.21,
    )
    text = banner.text()
    for fact in ("http://127.0.0.1:8000/admin/", "/api/docs/", "admin / s3cret", "curl something"):
        assert fact in text
    for fact in (str(tmp_path / "admin-password"), str(tmp_path), "Ctrl-C", "3.2 s"):
        assert fact in text
    assert "back up this one folder" in text
    text = replace(banner, elsewhere=("the database", "s3://bucket/lake")).text()
    assert "back it up together with the database and s3://bucket/lake" in text

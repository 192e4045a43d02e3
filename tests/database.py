"""The test database: a copy of one that was migrated once.

Migrating takes each process ten seconds and more, and comes to the same as long as the migrations, models
and settings are the same. So it is done once, kept beside pytest's cache under the digest of those files,
and copied for each process of each run. ``--create-db`` makes it anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[1]
#: What a migrated database comes from.
_SOURCES = ("*/migrations/*.py", "*/models.py", "*/models/*.py", "*/apps.py", "mlops_site/*.py")
_MIGRATED = ("django", "django-celery-beat", "django-unfold")


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_createdb: bool,
) -> Iterator[None]:
    """Give this process a database of its own, migrated and without rows."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("databases")
    worker = getattr(request.config, "workerinput", {}).get("workerid", "only")
    own_name = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        with _alone(folder / "lock"):
            _use_migrated(folder, anew=django_db_createdb and worker in {"only", "gw0"})
            copy = _copy(worker)
        _use(copy)
    yield
    with django_db_blocker.unblock():
        connection.creation.destroy_test_db(own_name, verbosity=0)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _use(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _copy(worker: str) -> str:
    """Copy the database that the connection points to; return the copy's name."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return shutil.copy(name, str(settings.MLOPS_HOME / f"test-{worker}.sqlite3"))
    connection.creation.clone_test_db(worker, verbosity=0, autoclobber=True)
    return str(connection.creation.get_test_db_clone_settings(worker)["NAME"])


def _use_migrated(folder: Path, *, anew: bool) -> None:
    """Point the connection to the migrated database; make it if it is not there."""
    family = f"test_mlops_{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}_"
    name = family + _digest()
    others = _databases(folder, family)
    if connection.vendor == "sqlite":
        name = str(folder / f"{name}.sqlite3")
    made = folder / f"{Path(name).name}.made"
    if name in others and made.exists() and not anew:
        _use(name)
        return
    for other in others - {name}:
        with contextlib.suppress(OperationalError):  # another run is on it
            connection.creation._destroy_test_db(other, verbosity=0)  # type: ignore[attr-defined]
    made.unlink(missing_ok=True)
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    made.touch()


def _databases(folder: Path, family: str) -> set[str]:
    """Return the names of all databases of this checkout's tests."""
    if connection.vendor == "sqlite":
        return {str(path) for path in folder.glob(f"{family}*.sqlite3")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [family])
        return {row[0] for row in cursor.fetchall()}


def _digest() -> str:
    """Return what stands for everything that decides what migrating comes to."""
    found = hashlib.sha256(" ".join(version(name) for name in _MIGRATED).encode())
    for pattern in _SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]

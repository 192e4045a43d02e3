"""Whether the site is really ready: it answers, and its processes have shown a sign of life."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError

from jobs.models import ProcessHeartbeat


def missing(*, host: str, ports: Mapping[str, int], started_at: datetime) -> list[str]:
    """Return the names of the processes that have not come up since ``started_at``.

    Parameters
    ----------
    ports
        By name, where web servers listen.
    """
    absent = [name for name, port in ports.items() if not answers(host, port)]
    beating = names_beating_since(started_at)
    absent += [
        name for name in ("worker", "beat") if not any(one.startswith(name) for one in beating)
    ]
    return absent


def names_beating_since(moment: datetime) -> frozenset[str]:
    """Return the processes that were started and have beaten after ``moment``."""
    try:
        fresh = ProcessHeartbeat.objects.filter(started_at__gte=moment, beaten_at__gte=moment)
        return frozenset(fresh.values_list("name", flat=True))
    except DatabaseError:
        return frozenset()


def answers(host: str, port: int) -> bool:
    """Whether ``/readyz`` on this port answers 200."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers=host_header(port))
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def reachable(host: str) -> str:
    """Return the address to ask for a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def host_header(port: int) -> Mapping[str, str]:
    """Return a Host header that the site accepts (ALLOWED_HOSTS may not name the loopback)."""
    allowed = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    if not allowed or {"127.0.0.1", "localhost"} & set(allowed):
        return {}
    return {"Host": f"{allowed[0].lstrip('.')}:{port}"}

"""Choosing the port of the web server."""

from __future__ import annotations

import socket

from mlops_site.supervisor.errors import CannotStart

DEFAULT_PORT = 8000
_PORTS_TO_TRY = 100


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on this address.

    Asked without SO_REUSEPORT: the web server sets it, so that two of them would share a port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_port(
    host: str, asked: int | None, *, default: int = DEFAULT_PORT, option: str = "--port"
) -> int:
    """Return the port that was asked for, else the first free one from ``default`` on.

    Raises
    ------
    CannotStart
        The port that was asked for is in use, or no free one was found.
    """
    if asked is not None:
        if not is_free(host, asked):
            raise CannotStart(
                f"Port {asked} on {host} is in use (or not allowed). Choose another with {option}, "
                f"or leave {option} away to get the next free one."
            )
        return asked
    for port in range(default, default + _PORTS_TO_TRY):
        if is_free(host, port):
            return port
    raise CannotStart(
        f"No free port between {default} and {default + _PORTS_TO_TRY - 1} on {host}; choose one "
        f"with {option}."
    )

"""Requests to hosts that a user named: resolved once, checked, and sent to exactly that address.

A name is looked up a single time; every address that it has must be a public one, and the connection
goes to the address that was checked, with the name in ``Host``, SNI and the certificate check. A name
that resolves differently a moment later (re-binding) therefore changes nothing. Each redirect passes
the same checks.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from core.errors import Invalid, TooLarge, Unavailable

_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 1 << 16
_PORTS = {"http": 80, "https": 443}
#: IPv6 networks whose last 32 bits are an IPv4 address: NAT64, and the old "compatible" form.
_CARRYING_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class HostNotAllowed(Invalid):
    """The address is none that the site may send requests to."""

    code = "host_not_allowed"
    title = "Requests to this host are not allowed"


class HostUnreachable(Unavailable):
    """The host does not answer, or not with what was asked for."""

    code = "host_unreachable"
    title = "The other side does not answer"


class AnswerTooLarge(TooLarge):
    """The answer passes the limit of bytes or time."""

    code = "answer_too_large"
    title = "The answer of the other side is too large or too slow"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost.

    Attributes
    ----------
    max_bytes
        Bytes of the answer, after decompression.
    total_seconds
        From the first look-up to the last byte, redirects included.
    wait_seconds
        For a connection, and between two pieces of an answer.
    private_networks
        Networks that may be reached although they are not public.
    """

    max_bytes: int
    total_seconds: float
    wait_seconds: float = 30.0
    private_networks: Sequence[str] = field(default=())


def checked_url(url: str) -> SplitResult:
    """Return the parts of an ``http(s)`` address.

    Raises
    ------
    HostNotAllowed
        It has another scheme, no host, a name and password in it, or characters that no address has.
    """
    if len(url) > 2000 or any(ord(c) <= 0x20 or ord(c) == 0x7F or c == "\\" for c in url):
        raise HostNotAllowed("This is no web address.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise HostNotAllowed("This is no web address.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise HostNotAllowed("A web address begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise HostNotAllowed("A web address has no name and password in it.")
    return parts


def public_addresses(host: str, port: int, *, private_networks: Sequence[str] = ()) -> list[str]:
    """Return the addresses of a host, after a check that each of them may be reached.

    Spellings such as ``2130706433``, ``0x7f.1`` or ``::ffff:127.0.0.1`` are what they resolve to.

    Raises
    ------
    HostNotAllowed
        One of them is private, loopback, link-local, multicast or reserved.
    HostUnreachable
        The name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnreachable("The name of the host is not known.") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [ipaddress.ip_network(network) for network in private_networks]
    for text in addresses:
        address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        is_public = address.is_global and not address.is_multicast
        if not is_public and not any(address in network for network in allowed):
            raise HostNotAllowed("The host has an address that is not public.")
    return addresses


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one; others as they are."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in _CARRYING_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def fetch(url: str, *, bounds: Bounds, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """Yield the body of a ``GET`` in pieces.

    Parameters
    ----------
    headers
        Sent to the origin of ``url`` only, never to where it redirects.

    Raises
    ------
    HostNotAllowed, HostUnreachable, AnswerTooLarge
        As their names say.
    """
    deadline = time.monotonic() + bounds.total_seconds
    origin = _origin(checked_url(url))
    for _ in range(_REDIRECTS + 1):
        parts = checked_url(url)
        sent = dict(headers or {}) if _origin(parts) == origin else {}
        with _asked(parts, bounds, sent) as answer:
            if answer.status in _REDIRECT_STATUSES and "location" in answer.headers:
                url = urljoin(url, answer.headers["location"])
                continue
            if answer.status != 200:
                raise HostUnreachable(f"The other side answered with status {answer.status}.")
            yield from _body(answer, bounds, deadline)
            return
    raise HostUnreachable("The other side redirects too often.")


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


@contextmanager
def _asked(
    parts: SplitResult, bounds: Bounds, headers: Mapping[str, str]
) -> Iterator[urllib3.BaseHTTPResponse]:
    scheme, host, port = _origin(parts)
    addresses = public_addresses(host, port, private_networks=bounds.private_networks)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shown = f"[{host}]" if ":" in host else host
    sent = {
        **headers,
        "Host": shown if port == _PORTS[scheme] else f"{shown}:{port}",
        "User-Agent": "mlops-site",
        "Accept-Encoding": "identity",
    }
    with _pool(scheme, addresses[0], host, port, bounds) as pool:
        try:
            answer = pool.urlopen(
                "GET", target, headers=sent, redirect=False, retries=False, preload_content=False
            )
        except HTTPError as error:
            raise HostUnreachable("The other side cannot be reached.") from error
        try:
            yield answer
        finally:
            answer.close()


def _pool(
    scheme: str, address: str, host: str, port: int, bounds: Bounds
) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=bounds.wait_seconds, read=bounds.wait_seconds)
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, timeout=timeout, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        timeout=timeout,
        maxsize=1,
        ssl_context=ssl.create_default_context(),
        server_hostname=host,
        assert_hostname=host,
    )


def _body(answer: urllib3.BaseHTTPResponse, bounds: Bounds, deadline: float) -> Iterator[bytes]:
    size = 0
    try:
        while piece := answer.read1(_CHUNK_BYTES, decode_content=True):
            size += len(piece)
            if size > bounds.max_bytes:
                raise AnswerTooLarge(f"The answer has more than {bounds.max_bytes} bytes.")
            if time.monotonic() > deadline:
                raise AnswerTooLarge(f"The answer took more than {bounds.total_seconds:g} seconds.")
            yield piece
    except HTTPError as error:
        raise HostUnreachable("The answer of the other side broke off.") from error

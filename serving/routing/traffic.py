"""Which of an endpoint's versions answers a request.

A canary with the share s answers the keys whose hash lies in the lowest s of all hashes. The hash is keyed by
the endpoint and the canary's deployment: the same key keeps its version, a growing share only adds keys, and the
next canary gets other keys. With several canaries each takes its share of what those before it have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from serving.routing.routes import Route

_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class Canary:
    """A version with a share of the traffic.

    Attributes
    ----------
    below
        It answers keys whose hash is less than this.
    salt
        The key of the hash.
    """

    route: Route
    below: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that is at work at one endpoint.

    Attributes
    ----------
    usual
        What answers when nothing else is chosen: the champion, or what stands in for it.
    is_plain
        Whether there is nothing but that.
    at_work
        All versions that can be addressed, that which answers usually first.
    entity_column
        The input whose value in the first instance is the key; empty when there is none.
    """

    usual: Route
    is_plain: bool = True
    canaries: tuple[Canary, ...] = ()
    shadows: tuple[Route, ...] = ()
    at_work: tuple[Route, ...] = ()
    entity_column: str = ""

    def choose(self, key: str) -> Route:
        """Return the route that answers a key."""
        data = key.encode("utf-8", "surrogatepass")
        for canary in self.canaries:
            digest = blake2b(data, digest_size=8, key=canary.salt).digest()
            if int.from_bytes(digest, "big") < canary.below:
                return canary.route
        return self.usual


def traffic_of(
    usual: Route,
    canaries: Sequence[tuple[Route, float]],
    shadows: Sequence[Route],
    entity_column: str,
    others: Sequence[Route] = (),
) -> Traffic:
    """Return the traffic of an endpoint.

    Parameters
    ----------
    canaries
        Routes with their shares of all traffic, in the order in which they were started.
    others
        Further versions that are loaded and may be addressed.
    """
    left = 1.0
    made: list[Canary] = []
    for route, share in canaries:
        part = min(1.0, share / left) if left > 0 else 0.0
        salt = b"%d/%d" % (route.endpoint_id, route.deployment_id)
        made.append(Canary(route, round(part * _HASHES), salt))
        left -= share
    return Traffic(
        usual=usual,
        is_plain=not made and not shadows,
        canaries=tuple(made),
        shadows=tuple(shadows),
        at_work=(usual, *(route for route, _ in canaries), *shadows, *others),
        entity_column=entity_column,
    )

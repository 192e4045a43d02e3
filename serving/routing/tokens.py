"""Principals of bearer tokens in memory, looked at again every tick."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from accounts.errors import TokenInvalid
from accounts.principals import Principal

#: Tokens that nobody used for so many ticks are forgotten.
_KEEP_TICKS = 120
_MOST_TOKENS = 10_000


class TokenCache:
    """Tokens that were good at the last tick.

    Parameters
    ----------
    principal_of_digest
        Looks a digest up; raises TokenInvalid for a token that is unknown, expired or revoked.
    """

    def __init__(self, principal_of_digest: Callable[[str], Principal]) -> None:
        self._look_up = principal_of_digest
        self._lock = threading.Lock()
        self._principals: dict[str, Principal] = {}
        self._last_used: dict[str, int] = {}
        self._tick = 0

    def principal(self, secret: str) -> Principal:
        """Return the principal of a secret.

        Raises
        ------
        TokenInvalid
            No usable token has this secret.
        """
        digest = hashlib.sha256(secret.encode()).hexdigest()
        known = self._principals.get(digest)
        if known is None:
            known = self._look_up(digest)
            with self._lock:
                if len(self._principals) < _MOST_TOKENS:
                    self._principals[digest] = known
        self._last_used[digest] = self._tick
        return known

    def check_again(self) -> None:
        """Look all remembered tokens up again; forget those that are not good or not used any more."""
        self._tick += 1
        for digest in list(self._principals):
            if self._tick - self._last_used.get(digest, 0) > _KEEP_TICKS:
                self._forget(digest)
                continue
            try:
                self._principals[digest] = self._look_up(digest)
            except TokenInvalid:
                self._forget(digest)

    def _forget(self, digest: str) -> None:
        self._principals.pop(digest, None)
        self._last_used.pop(digest, None)

"""Principals of bearer tokens in memory, looked at again every tick."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping

from accounts.errors import TokenInvalid
from accounts.principals import Principal

#: Tokens that nobody used for so many ticks are forgotten.
_KEEP_TICKS = 120
_MOST_TOKENS = 10_000


class TokenCache:
    """Tokens that were good at the last tick.

    Parameters
    ----------
    look_up
        Returns the principals of those digests that belong to usable tokens.
    """

    def __init__(self, look_up: Callable[[Collection[str]], Mapping[str, Principal]]) -> None:
        self._look_up = look_up
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
            known = self._look_up([digest]).get(digest)
            if known is None:
                raise TokenInvalid("The token is unknown, expired or revoked.")
            if len(self._principals) >= _MOST_TOKENS:
                return known
            self._principals[digest] = known
        self._last_used[digest] = self._tick
        return known

    def check_again(self) -> None:
        """Look all remembered tokens up again; forget those that are not good or not used any more."""
        self._tick += 1
        remembered = list(self._principals)
        oldest = self._tick - _KEEP_TICKS
        used = [digest for digest in remembered if self._last_used.get(digest, 0) >= oldest]
        good = self._look_up(used) if used else {}
        for digest in remembered:
            if digest in good:
                self._principals[digest] = good[digest]
            else:
                self._principals.pop(digest, None)
                self._last_used.pop(digest, None)

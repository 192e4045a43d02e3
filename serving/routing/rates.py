"""How often a caller may ask: a bucket of permits for each, in the memory of one process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from serving.errors import RateExceeded

_MOST_CALLERS = 10_000


class RateLimits:
    """Buckets that fill evenly; a request takes one permit, and is refused when there is none.

    A bucket holds ``rate * burst_seconds`` permits at most (one at least), so a caller that was quiet may ask
    that many times at once. What one process lets through, the next one does not know of.

    Parameters
    ----------
    per_token, per_open_endpoint
        Requests per second of one token, and of all callers without one at one endpoint; 0: no limit.
    burst_seconds
        How long a quiet caller saves permits up.
    clock
        Seconds that only rise.
    """

    def __init__(
        self,
        *,
        per_token: float,
        per_open_endpoint: float,
        burst_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_token = per_token
        self._per_open_endpoint = per_open_endpoint
        self._burst_seconds = burst_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._buckets: dict[str | int, tuple[float, float]] = {}

    def take(self, token_prefix: str, endpoint_id: int) -> None:
        """Take a permit of a token, or (without one) of an open endpoint.

        Raises
        ------
        RateExceeded
            There is none; the refusal says in how many seconds there will be one.
        """
        key: str | int = token_prefix or endpoint_id
        rate = self._per_token if token_prefix else self._per_open_endpoint
        if rate <= 0:
            return
        now = self._clock()
        most = max(1.0, rate * self._burst_seconds)
        with self._mutex:
            left, at = self._buckets.get(key, (most, now))
            left = min(most, left + (now - at) * rate)
            if left >= 1.0:
                self._buckets[key] = (left - 1.0, now)
                if len(self._buckets) > _MOST_CALLERS:
                    self._forget(now)
                return
            self._buckets[key] = (left, now)
        wait = max(1, math.ceil((1.0 - left) / rate))
        raise RateExceeded(f"At most {rate:g} requests per second.", retry_after=wait)

    def _forget(self, now: float) -> None:
        """Forget those who have been quiet for long enough to have a full bucket."""
        oldest = now - max(self._burst_seconds, 1.0)
        self._buckets = {key: one for key, one in self._buckets.items() if one[1] > oldest}

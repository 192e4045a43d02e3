"""How long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waiting times that double with each death in a row: 0.5, 1, 2, 4 … seconds.

    Parameters
    ----------
    first_seconds
        The wait after the first death.
    longest_seconds
        The wait never grows beyond this.
    calm_seconds
        A process that lived this long is taken for healthy: the next wait is the first one again.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    calm_seconds: float = 60.0
    deaths: int = 0

    def next_wait_seconds(self, lived_seconds: float) -> float:
        """Return how long to wait after a process died that had lived for ``lived_seconds``.

        Examples
        --------
        >>> backoff = Backoff()
        >>> [backoff.next_wait_seconds(1.0) for _ in range(3)]
        [0.5, 1.0, 2.0]
        >>> backoff.next_wait_seconds(3600.0)
        0.5
        """
        if lived_seconds >= self.calm_seconds:
            self.deaths = 0
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(self.deaths, 30))
        self.deaths += 1
        return wait

"""The one state of this process."""

from __future__ import annotations

import os
import threading

from django.conf import settings

from serving.routing.state import Routing

_routing: Routing | None = None
_making = threading.Lock()


def routing() -> Routing:
    """Return the state of this process, made with the first request."""
    global _routing
    if _routing is None:
        with _making:
            if _routing is None:
                _routing = Routing(tick_seconds=settings.ROUTING_TICK_SECONDS)
    return _routing


def forget_routing() -> None:
    """Close the state of this process; the next request makes a new one."""
    global _routing
    with _making:
        if _routing is not None:
            _routing.close()
        _routing = None


def _begin_as_child() -> None:
    """Remember nobody in a child process: nothing looks after its state until it has been asked."""
    if _routing is not None:
        _routing.admissions = None


os.register_at_fork(after_in_child=_begin_as_child)

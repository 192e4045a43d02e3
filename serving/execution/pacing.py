"""When the prediction log is shipped, and with which priority.

What waits to be shipped is safe on disk, and whoever answers a prediction on the same processors is waited for by a caller. So
shipping takes what others leave, until something has waited too long; and when much is written, it is done less often in
larger pieces, which costs less for a row.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datasets import lake
from serving.execution.shipping import Shipper
from serving.prediction_log import Backlog, backlog
from serving.prediction_log.packs import PACK_BYTES

logger = logging.getLogger(__name__)

#: The least priority that there is.
NICEST = 19
#: Less than this is shipped at once: the lake is behind by a second or two.
LITTLE_BYTES = 1024**2
#: More is collected for so long, or until it is a whole pack.
COLLECT_SECONDS = 10.0


class Pacing:
    """Ships the log below ``root`` in turns: gently, or where something has waited too long, with the present priority.

    Linux has a priority for each thread, which a thread may give up but not take back. So there are two
    threads for the two ways. Where there is nothing of the kind, both have the priority of the process.

    Parameters
    ----------
    root
        Folder of the prediction log.
    patience_seconds
        What has waited longer is no longer shipped gently.
    is_stopped
        Asked after each commit whether to leave the rest for another time.
    """

    def __init__(
        self,
        root: Path,
        *,
        patience_seconds: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._root = root
        self._patience_seconds = patience_seconds
        self._is_stopped = is_stopped
        self._is_gentle = True
        self._shipper = Shipper(root, should_stop=self._should_stop)
        self._gently = ThreadPoolExecutor(1, thread_name_prefix="ship-gently", initializer=give_way)
        self._at_once = ThreadPoolExecutor(1, thread_name_prefix="ship-at-once")
        # Its threads have the priority of whoever starts them. A commit is short, and other writers wait for it.
        lake.start_engine()

    def turn(self) -> int:
        """Ship what is due; return the number of predictions shipped.

        Raises
        ------
        ExceptionGroup
            As :meth:`~serving.execution.shipping.Shipper.ship`.
        """
        waiting = self._backlog()
        if LITTLE_BYTES <= waiting.size_bytes < PACK_BYTES and (
            waiting.oldest_seconds < min(COLLECT_SECONDS, self._patience_seconds)
        ):
            return 0
        was_gentle = self._is_gentle
        self._is_gentle = waiting.oldest_seconds <= self._patience_seconds
        if was_gentle and not self._is_gentle:
            logger.info(
                "predictions have waited for %.0f s: they are shipped at once",
                waiting.oldest_seconds,
            )
        way = self._gently if self._is_gentle else self._at_once
        return way.submit(self._shipper.ship, is_pressed=not self._is_gentle).result()

    def close(self) -> None:
        """End the threads."""
        self._gently.shutdown()
        self._at_once.shutdown()

    def _should_stop(self) -> bool:
        return self._is_stopped() or (
            self._is_gentle and self._backlog().oldest_seconds > self._patience_seconds
        )

    def _backlog(self) -> Backlog:
        return backlog(self._root, at=time.time())


def give_way() -> None:
    """Give the calling thread the least priority, where the operating system has one for each thread."""
    try:
        if sys.platform != "linux":
            raise OSError("threads have no priority of their own")
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICEST)
    except OSError as error:
        logger.warning("the shipper works with the priority of its process: %s", error)

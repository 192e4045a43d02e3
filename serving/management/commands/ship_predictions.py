"""Move the prediction log into the lake, for as long as the site runs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from jobs.tasks import keep_sign_of_life
from serving.execution.pacing import Pacing
from serving.execution.shipping import Shipper

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_NICENESS = 5
_LONGEST_PAUSE_SECONDS = 30.0


class Command(BaseCommand):
    """``manage.py ship_predictions [--once]``."""

    help = "Move complete segments of the prediction log into the lake."
    requires_system_checks: list[str] = []  # noqa: RUF012 (Django's own attribute)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="ship what is there, then end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        root = Path(settings.PREDICTION_LOG_ROOT)
        if once:
            shipped = Shipper(root, should_stop=stop.is_set).ship()
            self.stdout.write(f"{shipped} predictions shipped")
            return
        # Also what has waited long goes behind whoever answers a prediction at this moment.
        os.nice(_NICENESS)
        keep_sign_of_life("shipper")
        pacing = Pacing(
            root,
            patience_seconds=settings.SHIPPER_PATIENCE_SECONDS,
            is_stopped=stop.is_set,
        )
        pause = _PAUSE_SECONDS
        while not stop.wait(pause):
            try:
                pacing.turn()
                pause = _PAUSE_SECONDS
            except Exception:
                # The files stay where they are, so nothing is lost by trying again later.
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                logger.exception("predictions could not be shipped; next try in %.0f s", pause)
        pacing.close()

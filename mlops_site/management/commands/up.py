"""Start the whole site on this machine, under one supervisor."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mlops_site.supervisor.console import Console, wants_colour
from mlops_site.supervisor.errors import CannotStart, StopRequested
from mlops_site.supervisor.home import Home
from mlops_site.supervisor.site import Site


class Command(BaseCommand):
    """``manage.py up``."""

    help = "Start the whole site on this machine: web, scorer, worker, beat, log shipper, private Redis."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="default: 8000, else the next free one")
        parser.add_argument(
            "--scorer-port",
            type=int,
            help="of the server for predictions only (default: the next free one; 0: none)",
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--home", type=Path, help="data folder (default: var/ or MLOPS_HOME)")
        parser.add_argument("--no-demo", action="store_true", help="do not seed the demo")
        parser.add_argument("--reset", action="store_true", help="empty the data folder first")
        parser.add_argument("--yes", action="store_true", help="do not ask before --reset")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until somebody asks to stop."""
        began = time.monotonic()
        chosen: Path | None = options["home"]
        if chosen is not None and chosen.resolve() != settings.MLOPS_HOME:
            _start_over(MLOPS_HOME=str(chosen.resolve()))
        home = Home(Path(settings.MLOPS_HOME))
        try:
            if options["reset"]:
                self._reset(home, ask=not options["yes"])
            home.make()
            home.lock()
            console = Console(sys.stdout, coloured=wants_colour(sys.stdout, os.environ))
            site = Site(
                home=home,
                console=console,
                host=options["host"],
                port=options["port"],
                scorer_port=options["scorer_port"],
            )
            site.run(with_demo=not options["no_demo"], began=began)
        except CannotStart as error:
            raise CommandError(str(error)) from error
        except (KeyboardInterrupt, StopRequested):
            self.stderr.write("Stopped before the site was ready.")
            sys.exit(130)
        finally:
            home.unlock()

    def _reset(self, home: Home, *, ask: bool) -> None:
        """Empty the data folder and start over: the present secret key was read from it."""
        if os.environ.get("DATABASE_URL"):
            raise CannotStart(
                "--reset empties the data folder, but DATABASE_URL keeps the data elsewhere."
            )
        if not home.was_used:
            if home.path.exists() and any(home.path.iterdir()):
                self.stderr.write(f"{home.path} was not used by a site yet; nothing to reset.")
            return
        home.lock()
        if ask:
            answer = input(f"Delete everything in {home.path}? Type 'yes': ")
            if answer.strip().lower() != "yes":
                raise CannotStart("Nothing was deleted.")
        home.empty()
        _start_over(without="--reset")


def _start_over(*, without: str = "", **environment: str) -> NoReturn:
    """Become a fresh process of this command."""
    sys.stdout.flush()
    words = [word for word in sys.argv if word != without]
    os.execve(sys.executable, [sys.executable, *words], {**os.environ, **environment})

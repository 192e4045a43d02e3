"""Run the demo against a running site."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from mlops_site.demo.errors import DemoFailedError
from mlops_site.demo.scenario import seed


class Command(BaseCommand):
    """Train, deploy, ask, watch and retrain a model on scikit-learn's breast-cancer data.

    The site must be running, with a worker and the log shipper. A second run does nothing; one that
    was interrupted goes on where it stopped.
    """

    help = "Seed the demo: the whole loop on scikit-learn's breast-cancer data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where the site is and who seeds it."""
        parser.add_argument("--base-url", default="http://127.0.0.1:8000")
        parser.add_argument("--user", default="admin")
        parser.add_argument("--project", default="demo")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the demo, telling each step."""
        started = time.monotonic()
        try:
            seed(
                base_url=options["base_url"],
                username=options["user"],
                project_slug=options["project"],
                say=self.stdout.write,
            )
        except (DemoFailedError, DomainError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The demo is ready after {time.monotonic() - started:.0f} s.")

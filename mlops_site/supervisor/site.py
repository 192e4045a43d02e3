"""The start of the whole site, step by step, and its end."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from core.clock import now
from mlops_site.supervisor import private_redis, programs, readiness
from mlops_site.supervisor.banner import Banner
from mlops_site.supervisor.children import Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.errors import CannotStart
from mlops_site.supervisor.example import example_call
from mlops_site.supervisor.first_user import ensure_first_user, first_user
from mlops_site.supervisor.home import Home
from mlops_site.supervisor.ports import choose_port
from mlops_site.supervisor.supervision import Supervisor

DEMO_MARK = "demo-seeded"
_REDIS_SECONDS = 20.0
_READY_SECONDS = 180.0
_DEMO_SECONDS = 1800.0
_ASK_SECONDS = 0.25


class Site:
    """The site on one machine.

    Parameters
    ----------
    home
        The data folder; its lock is held.
    console
        Where everything is told.
    host, port
        Where the web server listens; without a port, the next free one.
    scorer_port
        Where the scorer listens; None: the next free one after the web server's, 0: there is no scorer.
    """

    def __init__(
        self,
        *,
        home: Home,
        console: Console,
        host: str,
        port: int | None,
        scorer_port: int | None = None,
    ) -> None:
        self._home = home
        self._console = console
        self._host = host
        self._port = choose_port(host, port)
        self._scorer_port = scorer_port
        if scorer_port != 0:
            self._scorer_port = choose_port(
                host, scorer_port, default=self._port + 1, option="--scorer-port"
            )
        self._supervisor = Supervisor(console=console, folder=Path(settings.BASE_DIR))

    @property
    def base_url(self) -> str:
        """The address for a browser on this machine."""
        return self._url(self._port)

    @property
    def scorer_url(self) -> str:
        """The address of the scorer for a client on this machine; empty where there is none."""
        return self._url(self._scorer_port) if self._scorer_port else ""

    def _url(self, port: int) -> str:
        host = readiness.reachable(self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, *, with_demo: bool, began: float) -> None:
        """Start everything, tell about it, and keep it running until somebody asks to stop.

        Parameters
        ----------
        with_demo
            Whether to seed the demo, if that was not done before.
        began
            When the command began (monotonic seconds), for the time in the banner.

        Raises
        ------
        CannotStart
            Something essential did not come up.
        StopRequested
            Somebody asked to stop before the site was ready.
        """
        supervisor = self._supervisor
        supervisor.listen_to_signals()
        private_url = ""
        try:
            if os.environ.get("REDIS_URL"):
                _check_redis(os.environ["REDIS_URL"])
            else:
                private_url = self._start_redis()
            Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # static files are found without it
            self._say("preparing the database")
            migrate()
            ensure_first_user(self._home)
            started_at = now()
            self._say(f"starting the site at {self.base_url}")
            for program in self._programs():
                supervisor.start(program)
            self._wait_until_ready(started_at)
            ready_after_seconds = time.monotonic() - began
            self._home.note(f"{self.base_url}, stop it with Ctrl-C there")
            demo_failed = with_demo and not self._seed_demo()
            self._console.show(self._banner(ready_after_seconds, demo_failed=demo_failed).text())
            connections.close_all()
            supervisor.run()
        finally:
            self._say("stopping")
            supervisor.end()
            if private_url:
                private_redis.remove_socket(private_url)
            self._say("stopped")

    def _programs(self) -> list[Program]:
        scorers = []
        if self._scorer_port:
            scorers.append(programs.scorer(host=self._host, port=self._scorer_port))
        return [
            programs.web(host=self._host, port=self._port),
            *scorers,
            programs.worker(),
            programs.beat(),
            programs.shipper(),
        ]

    def _start_redis(self) -> str:
        program, url = private_redis.prepare(self._home)
        redis = self._supervisor.start(program)
        came_up = self._supervisor.wait_until(
            lambda: private_redis.answers(url) or redis.starts > 2, timeout_seconds=_REDIS_SECONDS
        )
        if not came_up or not private_redis.answers(url):
            log = self._home.path / "redis" / "redis.log"
            raise CannotStart(f"The private Redis does not come up; its log is {log}.")
        return url

    def _wait_until_ready(self, started_at: datetime) -> None:
        ports = {"web": self._port, **({"scorer": self._scorer_port} if self._scorer_port else {})}
        missing = [*ports, "worker", "beat"]
        asked_at = 0.0

        def is_ready() -> bool:
            nonlocal missing, asked_at
            if time.monotonic() - asked_at >= _ASK_SECONDS:
                missing = readiness.missing(host=self._host, ports=ports, started_at=started_at)
                asked_at = time.monotonic()
            return not missing

        if not self._supervisor.wait_until(is_ready, timeout_seconds=_READY_SECONDS):
            absent = ", ".join(missing)
            raise CannotStart(
                f"Not ready after {_READY_SECONDS:.0f} s; without a sign of life: {absent}."
            )

    def _seed_demo(self) -> bool:
        """Seed the demo unless that was done before; False when it failed."""
        mark = self._home.path / DEMO_MARK
        if mark.exists():
            return True
        self._say("ready; seeding the demo (this happens once)")
        demo = self._supervisor.start(programs.demo(base_url=self.base_url))
        self._supervisor.wait_until(lambda: not demo.is_running, timeout_seconds=_DEMO_SECONDS)
        demo.kill()
        if demo.exit_code != 0:
            return False
        mark.touch()
        return True

    def _banner(self, ready_after_seconds: float, *, demo_failed: bool) -> Banner:
        return Banner(
            base_url=self.base_url,
            scorer_url=self.scorer_url,
            user=first_user(self._home),
            curl=example_call(self._home).curl(self.base_url),
            home=self._home.path,
            elsewhere=_elsewhere(self._home.path),
            ready_after_seconds=ready_after_seconds,
            demo_failed=demo_failed,
        )

    def _say(self, text: str) -> None:
        self._console.say("up", text)


def _elsewhere(home: Path) -> tuple[str, ...]:
    """Return what is kept outside of the home folder."""
    connection = connections[DEFAULT_DB_ALIAS]
    is_file = connection.vendor == "sqlite"
    database = str(connection.settings_dict["NAME"]) if is_file else "the database"
    kept = [database, str(settings.LAKE_ROOT), settings.ARTIFACTS_URL]
    return tuple(one for one in kept if one and not one.startswith(f"{home}{os.sep}"))


def _check_redis(url: str) -> None:
    if not private_redis.answers(url):
        raise CannotStart("The Redis that REDIS_URL names does not answer.")


def migrate() -> None:
    """Bring the database's tables to the present; says nothing and is quick when they are.

    Raises
    ------
    CannotStart
        The database cannot be reached.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise CannotStart(f"The database cannot be reached: {error}") from error

"""The product beside other servers that answer with the same fitted pipeline, one worker process each.

    python -m benchmarks.serving                                                   # everything
    python -m benchmarks.serving --rows 1 --connections 16 --rounds 2 --seconds 2  # the main figures

The product runs as ``up`` starts it: one web and one scorer process, SQLite, a private Redis, worker, beat and shipper
beside them; each request is authenticated, validated against the signature, and written to the log before it is answered. Servers
take turns within each round; the product's log is shipped to its lake before the next one's turn (``--sustained 60`` shows
what the product does while it ships). Figures are medians of the rounds, ratios medians of the ratios within a round. Needs
``wrk``; the other servers are installed once, into environments of their own. Everything listens on the loopback
address and ends with the run; data are kept in a temporary folder.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.serving.contenders import CONTENDERS, Contender
from benchmarks.serving.installing import CannotInstall, python_of
from benchmarks.serving.prepare import MODELS, MOST_ROWS
from benchmarks.serving.report import table
from benchmarks.serving.running import Plan, prepare, run, tell

#: Starting all servers of a model, and looking at their answers.
_START_SECONDS = 40


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of load, for each cell and server")
    parser.add_argument(
        "--sustained",
        type=int,
        default=0,
        metavar="SECONDS",
        help="then ask the product for so long on end, which includes shipping its log; 0: not",
    )
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 100, MOST_ROWS])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument(
        "--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS)
    )
    parser.add_argument("--peers-home", type=Path, default=Path.home() / ".cache" / "mlops-peers")
    options = parser.parse_args()
    if not all(1 <= count <= MOST_ROWS for count in options.rows):
        parser.error(f"--rows: 1 to {MOST_ROWS:,}")
    if min([options.rounds, options.seconds, *options.connections]) < 1:
        parser.error("--rounds, --seconds and --connections: at least 1")
    if shutil.which("wrk") is None:
        parser.exit(2, "wrk is needed to ask fast enough (Debian and Ubuntu: apt install wrk)\n")
    # Ends the way Ctrl-C does: with all servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    plan = Plan(
        *(options.models, options.rows, options.connections, options.rounds, options.seconds),
        options.sustained,
    )
    pythons = _installed(options.contenders, options.peers_home.absolute())
    tell(f"this takes about {_minutes(plan, len(pythons)):.0f} minutes")
    with tempfile.TemporaryDirectory(prefix="serving-benchmark-") as name:
        facts = prepare(Path(name), plan.models)
        results = run(plan, facts, pythons)
    print(table(results))
    if results.troubles:
        raise SystemExit(1)


def _minutes(plan: Plan, contenders: int) -> float:
    cells = len(plan.models) * len(plan.rows) * len(plan.connections)
    measuring = cells * contenders * plan.rounds * (plan.seconds + 1.0)
    measuring += len(plan.models) * 1.5 * plan.sustained_seconds
    return (measuring + (len(plan.models) + 1) * _START_SECONDS) / 60


def _installed(names: list[str], home: Path) -> dict[Contender, str]:
    """Return the interpreters of those contenders that can take part."""
    pythons = {}
    for name in names:
        try:
            pythons[CONTENDERS[name]] = python_of(CONTENDERS[name], home)
        except CannotInstall as error:
            tell(f"{CONTENDERS[name].title} is left out, because it cannot be installed: {error}")
    return pythons


if __name__ == "__main__":
    main()

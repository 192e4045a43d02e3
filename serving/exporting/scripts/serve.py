"""Serve the model: ``python serve.py [--plain]``.

Reads HOST, PORT, WORKERS, THREADS (of each worker), API_TOKEN, MAX_BODY_BYTES and MAX_ROWS from the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Start the server, and stay until it is told to end."""
    parser = argparse.ArgumentParser(description="Serve the model.")
    parser.add_argument("--plain", action="store_true", help="Plain WSGI, without the framework.")
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="End when standard input is closed."
    )
    options = parser.parse_args()
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    server = json.loads((ROOT / "bundle.json").read_bytes())["server"]
    is_asgi = server == "fastapi" and not options.plain
    threads = int(os.environ.get("THREADS", "1"))
    Granian(
        "plain:application" if options.plain else "app:application",
        address=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        interface=Interfaces.ASGI if is_asgi else Interfaces.WSGI,
        workers=int(os.environ.get("WORKERS", "1")),
        blocking_threads=None if is_asgi else threads,
        websockets=False,
        workers_kill_timeout=5,
    ).serve()


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

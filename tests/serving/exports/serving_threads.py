"""A standalone server in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

from serving.standalone import Application
from serving.standalone.wsgi import wsgi_application


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(application: Application) -> Iterator[str]:
    """Serve an application on a free port; yield its address."""
    made = make_server("127.0.0.1", 0, wsgi_application(application), handler_class=_Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()

"""The application in Flask: every address leads to the one function."""

from __future__ import annotations

from flask import Flask, Response, request

from serving.standalone.application import Application
from serving.standalone.wsgi import headers_to_send, respond_to

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def flask_application(application: Application) -> Flask:
    """Return a Flask application; routes, hooks and extensions of one's own can be added to it."""
    made = Flask("model", static_folder=None)

    @made.route("/", defaults={"path": ""}, methods=_METHODS, provide_automatic_options=False)
    @made.route("/<path:path>", methods=_METHODS, provide_automatic_options=False)
    def everything(path: str) -> Response:
        payload = respond_to(application, request.environ)
        return Response(payload.body, status=payload.status, headers=headers_to_send(payload))

    return made

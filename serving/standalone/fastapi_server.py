"""The application in FastAPI: every address leads to the one function, which runs in a thread."""

# FastAPI reads the annotations: they are not postponed in this module.
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from serving.standalone.application import Application, Asked
from serving.standalone.wsgi import headers_to_send

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def fastapi_application(application: Application) -> FastAPI:
    """Return a FastAPI application; routes, middleware and dependencies of one's own can be added to it."""
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @made.api_route("/{path:path}", methods=_METHODS)
    async def everything(path: str, request: Request) -> Response:
        asked_path: str = request.scope["path"]
        body = await _body(request, application.most_bytes)
        if body is None:
            payload = application.refuse_size(asked_path)
        else:
            headers = {name.lower(): value for name, value in request.headers.items()}
            asked = Asked(request.method, asked_path, body, headers)
            payload = await run_in_threadpool(application.respond, asked)
        return Response(payload.body, payload.status, dict(headers_to_send(payload)))

    return made


async def _body(request: Request, most_bytes: int) -> bytes | None:
    """Return the body; None, and no more of it is read, when it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            return None
        parts.append(part)
    return b"".join(parts)

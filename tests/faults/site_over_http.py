"""A whole site that is asked as its users ask it: by HTTP, with a token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

_START_SECONDS = 90.0


class SiteOverHttp:
    """The REST interface of a site that runs on this machine.

    Parameters
    ----------
    secret
        Of a token that may do all that the test asks for.
    """

    def __init__(self, port: int, secret: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def ask(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as link:
            link.request(method, path, content, {**self.headers, "Content-Type": content_type})
            answer = link.getresponse()
            said = answer.read()
        return answer.status, json.loads(said) if said else None

    def get(self, path: str) -> Any:
        """Return what is shown at an address of the API."""
        status, said = self.ask("GET", f"/api/v1/{path}")
        assert status == 200, said
        return said

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask for something, and return what came of it."""
        status, said = self.ask("POST", f"/api/v1/{path}", dict(body or {}))
        assert status in (200, 201, 202), (path, status, said)
        return said

    def is_live(self) -> bool:
        """Whether the web process answers."""
        try:
            return self.ask("GET", "/livez")[0] == 200
        except OSError:
            return False

    def upload_model(self, name: str, file: bytes, signature: Mapping[str, Any]) -> int:
        """Upload an ONNX classifier, wait for its job, let it through its gates; return the version's id."""
        body = encode_multipart(
            BOUNDARY,
            {
                "file": SimpleUploadedFile(f"{name}.onnx", file),
                "model": name,
                "task": "classification",
                "signature": json.dumps(signature),
            },
        )
        status, said = self.ask(
            "POST", "/api/v1/model-versions/", body, content_type=MULTIPART_CONTENT
        )
        assert status == 202, said
        job = said["job"]
        address = f"jobs/{job['id'] if isinstance(job, dict) else job}/"
        job = self.wait_for(
            lambda: self.get(address), lambda one: one["finished_at"] is not None, _START_SECONDS
        )
        assert job["status"] == "succeeded", job
        version: int = job["result"]["model_version"]
        self.post(f"model-versions/{version}/waive/", {"reason": "measured where it was made"})
        return version

    def wait_for(
        self, look: Callable[[], Any], is_so: Callable[[Any], bool], seconds: float
    ) -> Any:
        """Look again and again until something is the case; return what was seen last."""
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if is_so(seen) or time.monotonic() > deadline:
                return seen
            time.sleep(0.25)

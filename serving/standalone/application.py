"""What an exported server answers at which address; frameworks are coats around :meth:`Application.respond`."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.errors import DomainError, NotFound, Unauthenticated, Unsupported
from serving.protocols import MLFLOW, NATIVE, OPEN_INFERENCE, Address, Codec, Envelope, Payload
from serving.protocols.addresses import scoring_address
from serving.protocols.descriptions import (
    MLFLOW_VERSION,
    open_inference_config,
    open_inference_metadata,
    tensorflow_metadata,
    tensorflow_status,
)
from serving.protocols.exchange import body_too_large, failure, refusal
from serving.protocols.open_inference import JSON_BYTES_HEADER
from serving.protocols.tensorflow import TensorFlow
from serving.standalone.model import ModelUnknown, StandaloneModel

logger = logging.getLogger(__name__)

SERVER_NAME = "mlops-site-bundle"
EXTENSIONS = ["binary_tensor_data"]
_TENSORFLOW = TensorFlow("predict")
_JSON = "application/json"
_V1 = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,9}))?(?P<rest>/metadata)?"
)
_V2 = re.compile(
    r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>\d{1,9}))?(?P<rest>/ready|/config)?"
)
#: Probes ask without a token.
_OPEN = frozenset({"/", "/v2/health/live", "/v2/health/ready", "/ping", "/health"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whichever framework received it.

    Attributes
    ----------
    path
        Without the query, percent-decoded.
    headers
        By name in lower case.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Application:
    """The server of one model.

    Parameters
    ----------
    token
        When it is not empty, everything but probes needs ``Authorization: Bearer …``.
    """

    def __init__(self, model: StandaloneModel, *, token: str = "") -> None:
        self._model = model
        self._token = token

    @property
    def most_bytes(self) -> int:
        """The largest body that is read."""
        return self._model.most_bytes

    def respond(self, asked: Asked) -> Payload:
        """Return the answer, or the refusal in the words of the dialect that was spoken."""
        codec = _spoken(asked.path)
        try:
            if asked.path not in _OPEN:
                self._check_token(asked)
            if asked.method == "POST":
                return self._predict(asked)
            if asked.method in ("GET", "HEAD"):
                return self._describe(asked.path)
        except DomainError as error:
            return refusal(error, codec)
        except Exception:
            logger.exception("a request to '%s' failed", self._model.name)
            return failure(codec)
        body = orjson.dumps({"error": "This method is not allowed here."})
        return Payload(405, _JSON, body, (("Allow", "GET, HEAD, POST"),))

    def refuse_size(self, path: str) -> Payload:
        """Return the refusal of a body that is too large to be read at all."""
        return refusal(body_too_large(self._model.most_bytes), _spoken(path))

    def _check_token(self, asked: Asked) -> None:
        if not self._token:
            return
        scheme, _, secret = asked.headers.get("authorization", "").partition(" ")
        is_known = hmac.compare_digest(secret.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not is_known:
            raise Unauthenticated("Send the API token: 'Authorization: Bearer …'.")

    def _predict(self, asked: Asked) -> Payload:
        address = scoring_address(asked.path)
        if address is None or address.project is not None:
            raise NotFound("Nothing answers at this address.")
        self._check_address(address)
        if asked.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unsupported("Send the body as it is, without a Content-Encoding.", field="body")
        json_length = asked.headers.get(JSON_BYTES_HEADER.lower(), "")
        if json_length and not json_length.isdecimal():
            raise Unsupported("The length must be a number.", field=JSON_BYTES_HEADER)
        envelope = Envelope(
            asked.body,
            asked.headers.get("content-type", "").replace(" ", "").lower(),
            int(json_length) if json_length else None,
        )
        return self._model.answer(envelope, address.codec)

    def _check_address(self, address: Address) -> None:
        if address.alias is not None:
            raise ModelUnknown(f"Servable not found for request: {address.endpoint}")
        if address.codec is MLFLOW and not address.endpoint:
            return
        self._model.check_name(address.endpoint, address.version)

    def _describe(self, path: str) -> Payload:
        plain = _PLAIN.get(path)
        if plain is not None:
            return plain(self._model)
        if found := _V1.fullmatch(path):
            self._model.check_name(found["name"], _number(found["version"]))
            return _json(_tensorflow_description(self._model, found))
        if found := _V2.fullmatch(path):
            self._model.check_name(found["name"], _number(found["version"]))
            return _json(_open_inference_description(self._model, found["rest"]))
        raise NotFound("Nothing answers at this address.")


def _spoken(path: str) -> Codec:
    """Return the dialect in whose words a path is refused."""
    address = scoring_address(path)
    if address is not None:
        return address.codec
    if path.startswith("/v1/"):
        return _TENSORFLOW
    return OPEN_INFERENCE if path.startswith("/v2") else NATIVE


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _json(content: Any) -> Payload:
    return Payload(200, _JSON, orjson.dumps(content))


def _tensorflow_description(model: StandaloneModel, found: re.Match[str]) -> dict[str, Any]:
    if found["rest"]:
        return tensorflow_metadata(model.name, model.version_number, model.signature)
    content: dict[str, Any] = {
        "model_version_status": [tensorflow_status(model.version_number, is_answering=True)]
    }
    if found["version"] is None:
        content = {"name": model.name, "ready": True, **content}
    return content


def _open_inference_description(model: StandaloneModel, rest: str | None) -> dict[str, Any]:
    if rest == "/ready":
        return {"name": model.name, "ready": True}
    if rest == "/config":
        return open_inference_config(model.name, model.runtime_name, model.signature)
    return open_inference_metadata(model.name, [model.version_number], model.signature)


def _server(model: StandaloneModel) -> Payload:
    return _json(
        {"name": SERVER_NAME, "version": str(model.version_number), "extensions": EXTENSIONS}
    )


_PLAIN: Mapping[str, Callable[[StandaloneModel], Payload]] = {
    "/": lambda _: _json({"status": "alive"}),
    "/ping": lambda _: Payload(200, _JSON, b"\n"),
    "/health": lambda _: Payload(200, _JSON, b"\n"),
    "/version": lambda _: Payload(200, _JSON, MLFLOW_VERSION.encode()),
    "/v1/models": lambda model: _json({"models": [model.name]}),
    "/v2": _server,
    "/v2/": _server,
    "/v2/models": lambda model: _json({"models": [model.name]}),
    "/v2/health/live": lambda _: _json({"live": True}),
    "/v2/health/ready": lambda _: _json({"ready": True}),
}

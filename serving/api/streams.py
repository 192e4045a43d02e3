"""Predictions as a stream of lines."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.authentication import principal_of_request
from accounts.policy import Permission
from core.errors import Unsupported
from core.logs import request_id
from models_registry.decisions import asked_threshold
from models_registry.signatures import BodyMalformed
from serving.admission import (
    ENTITY_KEY,
    MODEL_ALIAS,
    MODEL_VERSION,
    Admitted,
    addressed,
    admit_principal,
)
from serving.api.dialects.asking import secret_of
from serving.line_reader import ReadBytes
from serving.protocols import NATIVE, Address
from serving.protocols.base import read_threshold
from serving.routing import routing
from serving.routing.places import Places
from serving.streaming import answer_lines

_TAKEN = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})


class _Whatever(BaseContentNegotiation):
    """Lines are answered with lines, whatever the caller would rather have."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class ThresholdField(serializers.Field[Any, Any, Any, Any]):
    """``true``, ``false`` or a number, in an address."""

    def to_internal_value(self, data: Any) -> bool | float | None:
        try:
            return read_threshold(json.loads(str(data).lower()))
        except (ValueError, BodyMalformed):
            raise serializers.ValidationError("true, or a number, was expected.") from None

    def to_representation(self, value: Any) -> Any:
        return value


class _StreamParameters(serializers.Serializer[Any]):
    batch = serializers.IntegerField(required=False, min_value=1)
    threshold = ThresholdField(required=False)
    explain = serializers.BooleanField(required=False, default=False)


class PredictStreamView(APIView):
    """Ask an endpoint for predictions, one instance a line."""

    content_negotiation_class = _Whatever
    required_permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.PREDICT}

    @extend_schema(
        request={"application/x-ndjson": OpenApiTypes.STR},
        parameters=[
            OpenApiParameter(
                "batch",
                OpenApiTypes.INT,
                description="Lines that are answered together (at most 1,000): 1 when each answer is waited for.",
            ),
            OpenApiParameter(
                "threshold",
                OpenApiTypes.STR,
                description="`true`: also decide at the endpoint's or the version's threshold; a number: at this one.",
            ),
            OpenApiParameter(
                "explain",
                OpenApiTypes.BOOL,
                description="Also say why; fewer lines are then answered together.",
            ),
        ],
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR,
                description=(
                    'For each line `{"line", "prediction", "probabilities", "model_version", "prediction_id"}` or '
                    '`{"line", "error": {"code", "detail"}}`, in their order; each is logged before it leaves. Where they are '
                    "asked for, `decision` and `threshold`, `explanation` and `explained_by` as in the native dialect."
                ),
            )
        },
    )
    def post(self, request: Request, name: str) -> HttpResponseBase:
        """Answer lines as they come; one that does not fit is refused alone."""
        asker = principal_of_request(request)
        secret = secret_of(request._request)
        state = routing()
        headers = request.headers
        address = addressed(
            Address(NATIVE, None, name), headers.get(MODEL_VERSION), headers.get(MODEL_ALIAS)
        )

        def admit() -> Admitted:
            principal = asker if secret is None else state.tokens.principal(secret)
            return admit_principal(state, principal, name, address, headers.get(ENTITY_KEY, ""))

        route = admit().route
        if (request.content_type or "").partition(";")[0].strip().lower() not in _TAKEN:
            raise UnsupportedMediaType(request.content_type or "none")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unsupported(
                "Send the lines as they are, without a Content-Encoding.", field="body"
            )
        parameters = _StreamParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        wanted = parameters.validated_data
        asked_threshold(wanted.get("threshold"), route.threshold, route.model.signature)
        most = settings.PREDICT_STREAM_BATCH
        answers = answer_lines(
            _reader(request),
            admit=admit,
            state=state,
            request_id=request_id.get(),
            batch_lines=min(wanted.get("batch", most), most),
            threshold=wanted.get("threshold"),
            explain=wanted["explain"],
        )
        response = StreamingHttpResponse(
            _Streaming(answers, state.streams), content_type="application/x-ndjson"
        )
        response["X-Accel-Buffering"] = "no"
        response["Cache-Control"] = "no-store"
        return response


class _Streaming:
    """The answers of one stream, which has a place among those that may be open at once until it is closed."""

    def __init__(self, answers: Generator[bytes, None, None], places: Places) -> None:
        self._answers = answers
        self._place = ExitStack()
        self._place.enter_context(places)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._answers)

    def close(self) -> None:
        """End the work; the server calls it at the end, and when the client has gone."""
        try:
            self._answers.close()
        finally:
            self._place.close()


def _reader(request: Request) -> ReadBytes:
    """Return what reads a body: of stated length through Django, else straight from the server."""
    plain = request._request
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        reader: ReadBytes = plain.META["wsgi.input"].read
        return reader
    return plain.read

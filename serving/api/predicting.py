"""Predictions on the native wire, for what the fast lane leaves to Django.

A scorer has this view and no other of the API: it loads nothing that only the others need.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.authentication import ProjectSessionAuthentication, principal_of_request
from accounts.policy import Permission
from core.errors import Unsupported
from core.logs import request_id
from serving import prediction
from serving.admission import ENTITY_KEY, MODEL_ALIAS, MODEL_VERSION, addressed, admit_principal
from serving.api.authentication import RememberedTokenAuthentication
from serving.api.serializers import (
    PredictionRequestSerializer,
    PredictionResponseSerializer,
)
from serving.protocols import NATIVE, Address, Envelope
from serving.routing import routing


class PredictView(APIView):
    """Predictions, for what the fast lane leaves to Django (sessions, unusual headers)."""

    authentication_classes = (RememberedTokenAuthentication, ProjectSessionAuthentication)
    required_permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.PREDICT}

    @extend_schema(
        auth=[{"bearerAuth": []}, {"sessionAuth": []}],  # type: ignore[list-item]
        request=PredictionRequestSerializer,
        responses={200: PredictionResponseSerializer},
        parameters=[
            OpenApiParameter(
                ENTITY_KEY, str, OpenApiParameter.HEADER, description="Whom it is about."
            ),
            OpenApiParameter(
                MODEL_VERSION, int, OpenApiParameter.HEADER, description="Who answers."
            ),
            OpenApiParameter(MODEL_ALIAS, str, OpenApiParameter.HEADER, description="Who answers."),
        ],
    )
    def post(self, request: Request, name: str) -> HttpResponse:
        """Answer instances; each answer is logged before it leaves."""
        if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType(request.content_type or "none")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unsupported("Send the body as it is, without a Content-Encoding.", field="body")
        if int(request.headers.get("Content-Length") or 0) > settings.PREDICT_MAX_BODY_BYTES:
            raise prediction.body_too_large()
        principal = principal_of_request(request)
        state = routing()
        headers = request.headers
        address = addressed(
            Address(NATIVE, None, name), headers.get(MODEL_VERSION), headers.get(MODEL_ALIAS)
        )
        made = prediction.respond(
            lambda: Envelope(request.body, "application/json"),
            codec=NATIVE,
            admitted=admit_principal(state, principal, name, address, headers.get(ENTITY_KEY, "")),
            state=state,
            request_id=request_id.get(),
        )
        return HttpResponse(
            made.body,
            status=made.status,
            content_type=made.content_type,
            headers=dict(made.headers),
        )

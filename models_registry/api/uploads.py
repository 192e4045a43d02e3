"""Taking in models that were made elsewhere."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.principals import Principal
from core.api.parsers import MultiPartParser
from datasets.selectors import versions_visible_to
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from models_registry import services
from models_registry.api.serializers import LARGEST_ID
from models_registry.models import Task


class ModelUploadRequestSerializer(serializers.Serializer[Any]):
    """An ONNX file, and what it does not say of itself."""

    file = serializers.FileField(
        allow_empty_file=True,
        max_length=250,
        help_text="An ONNX model: rows of a table in, one answer for each row out.",
    )
    model = serializers.CharField(max_length=200, help_text="Name of the registered model.")
    task = serializers.ChoiceField(choices=Task.choices)
    signature = serializers.JSONField(
        required=False,
        allow_null=True,
        default=None,
        help_text="JSON: inputs (names in the order of the file's columns, or objects with name, type, nullable, "
        "categories, description), classes (in the order of the scores), output_name, outputs (labels, scores, "
        "scores_are: probability, logit or value).",
    )
    dataset_version = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="Rows that the model is measured on, and that production is compared with.",
    )
    target = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=250,
        help_text="The column with the true answers; absent: the one with the role of the target.",
    )


class UploadModelMixin:
    """The ``create`` of model versions: everything else about them comes from training."""

    principal: Principal

    def get_parsers(self) -> list[Any]:
        """Read files where a version is made, and what is usual elsewhere."""
        request: Any = getattr(self, "request", None)
        if (
            getattr(self, "action_map", {}).get(str(getattr(request, "method", "")).lower())
            == "create"
        ):
            return [MultiPartParser()]
        return super().get_parsers()  # type: ignore[misc,no-any-return]

    @extend_schema(
        request={"multipart/form-data": ModelUploadRequestSerializer},
        responses={202: AcceptedJobSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Sent again with the same file and wishes, gives the job of the first time.",
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Upload an ONNX model; a job looks at it, measures it and registers it as the next version."""
        wanted = ModelUploadRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        file: UploadedFile[bytes] = values.pop("file")
        chosen = values.pop("dataset_version")
        version = None
        if chosen is not None:
            version = get_object_or_404(
                versions_visible_to(self.principal).select_related("dataset__project"), pk=chosen
            )
        job = services.upload_model(
            principal=self.principal,
            file=file,
            dataset_version=version,
            idempotency_key=request.headers.get("Idempotency-Key"),
            **values,
        )
        return accepted(job)

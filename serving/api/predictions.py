"""The API of the prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import principal_of_request
from accounts.policy import Permission
from core.errors import Invalid
from serving.models import Endpoint
from serving.selectors.prediction_details import prediction_detail
from serving.selectors.search import Search, search_log


class PredictionSearchSerializer(serializers.Serializer[Any]):
    """What is looked for in the log."""

    status = serializers.ChoiceField(
        choices=["answered", "failed"],
        default="answered",
        help_text="Predictions, or requests that got none.",
    )
    endpoint = serializers.CharField(required=False, help_text="Name of an endpoint.")
    version = serializers.IntegerField(required=False, help_text="Id of a model version.")
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)
    request_id = serializers.CharField(required=False, max_length=64)
    token = serializers.CharField(required=False, max_length=16, help_text="Prefix of a token.")
    entity_key = serializers.CharField(
        required=False, max_length=200, help_text="Whom predictions are about."
    )
    code = serializers.CharField(required=False, max_length=64, help_text="Of failed requests.")
    before = serializers.CharField(
        required=False, max_length=150, help_text="`next` of the page before."
    )
    limit = serializers.IntegerField(required=False, min_value=1, max_value=500, default=50)

    @classmethod
    def search(cls, project_id: int, given: QueryDict | Mapping[str, Any]) -> tuple[Search, int]:
        """Return what query parameters look for, and how many rows at most.

        Raises
        ------
        ValidationError, Invalid
            A parameter is none, or has no such value; there is no such endpoint.
        """
        unknown = set(given) - set(cls().fields)
        if unknown:
            raise Invalid("There is no such filter.", field=min(unknown))
        wanted = cls(data=given)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        endpoint = None
        if "endpoint" in values:
            endpoint = Endpoint.objects.filter(
                project_id=project_id, name=values["endpoint"]
            ).first()
            if endpoint is None:
                raise Invalid("There is no such endpoint.", field="endpoint")
        search = Search(
            failed=values["status"] == "failed",
            endpoint_id=None if endpoint is None else endpoint.pk,
            start=values.get("start"),
            end=values.get("end"),
            model_version_id=values.get("version"),
            request_id=values.get("request_id", ""),
            token_prefix=values.get("token", ""),
            entity_key=values.get("entity_key", ""),
            code=values.get("code", ""),
            before=values.get("before", ""),
        )
        return search, values["limit"]


class LoggedSerializer(serializers.Serializer[Any]):
    """A prediction, or a failed request: then without features and prediction, with status and code."""

    prediction_id = serializers.UUIDField(required=False)
    request_id = serializers.CharField()
    at = serializers.DateTimeField()
    endpoint_id = serializers.IntegerField()
    deployment_id = serializers.IntegerField()
    model_version_id = serializers.IntegerField()
    role = serializers.CharField(required=False)
    token_prefix = serializers.CharField(allow_blank=True)
    features = serializers.DictField(required=False)
    prediction = serializers.JSONField(required=False)
    probabilities = serializers.ListField(
        child=serializers.FloatField(), required=False, allow_null=True
    )
    entity_key = serializers.CharField(required=False, allow_null=True)
    decision = serializers.JSONField(required=False, allow_null=True)
    threshold = serializers.FloatField(required=False, allow_null=True)
    status = serializers.IntegerField(required=False)
    code = serializers.CharField(required=False)
    dialect = serializers.CharField(required=False)
    latency_us = serializers.IntegerField()


class LogPageSerializer(serializers.Serializer[Any]):
    """A page of the log, the newest first."""

    results = LoggedSerializer(many=True)
    next = serializers.CharField(
        allow_blank=True, help_text="To be sent as `before` for the next page; empty at the end."
    )


class PredictionDetailSerializer(serializers.Serializer[Any]):
    """One prediction with what really happened."""

    prediction_id = serializers.UUIDField()
    request_id = serializers.CharField()
    at = serializers.DateTimeField()
    endpoint_id = serializers.IntegerField()
    deployment_id = serializers.IntegerField()
    model_version_id = serializers.IntegerField()
    role = serializers.CharField()
    token_prefix = serializers.CharField()
    entity_key = serializers.CharField(
        allow_blank=True, help_text="Whom it is about; empty where nobody said."
    )
    features = serializers.DictField()
    prediction = serializers.JSONField()
    probabilities = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    decision = serializers.JSONField(
        allow_null=True, help_text="At the threshold; null where no decision was asked for."
    )
    threshold = serializers.FloatField(allow_null=True)
    ground_truth = serializers.JSONField(allow_null=True)
    lineage = serializers.CharField(help_text="Address of where the answer comes from.")


class PredictionListView(APIView):
    """The prediction log."""

    required_permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="predictions_list",
        parameters=[PredictionSearchSerializer],
        responses=LogPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return a page of predictions or failed requests, the newest first; new ones show when they are shipped."""
        principal = principal_of_request(request)
        search, limit = PredictionSearchSerializer.search(
            principal.project_id, request.query_params
        )
        found = search_log(project_id=principal.project_id, search=search, limit=limit)
        return Response({"results": found.rows, "next": found.next})


class PredictionView(APIView):
    """One prediction."""

    required_permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.VIEW}

    @extend_schema(operation_id="predictions_retrieve", responses=PredictionDetailSerializer)
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """Return a prediction by its id, also one that was made a moment ago, with its ground truth."""
        principal = principal_of_request(request)
        return Response(prediction_detail(principal.project_id, prediction_id))

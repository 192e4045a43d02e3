"""The API of batch scorings."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import Invalid
from datasets.selectors import versions_visible_to
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from models_registry.models import Alias, ModelVersion
from models_registry.selectors import CHAMPION
from models_registry.signatures import BodyMalformed
from serving import services
from serving.models import BatchScoring
from serving.protocols.base import read_threshold
from serving.selectors.scorings import with_related


class BatchScoringSerializer(serializers.ModelSerializer[BatchScoring]):
    """Rows of a dataset version, answered by a model version."""

    model = serializers.CharField(source="model_version.model.name", read_only=True)
    model_version_number = serializers.IntegerField(source="model_version.number", read_only=True)
    status = serializers.CharField(
        source="job.status", read_only=True, allow_null=True, default=None, help_text="Of the job."
    )
    progress = serializers.FloatField(
        source="job.progress", read_only=True, allow_null=True, default=None
    )
    rows = serializers.IntegerField(
        source="output_version.row_count", read_only=True, allow_null=True, default=None
    )
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = BatchScoring
        fields: ClassVar[list[str]] = [
            *("id", "model_version", "model", "model_version_number", "dataset_version"),
            *("output_dataset", "output_version", "keep", "threshold", "rows"),
            *("rows_refused", "job", "status", "progress", "created_by", "created_at"),
        ]
        read_only_fields = fields


class BatchScoringRequestSerializer(serializers.Serializer[Any]):
    """Which rows, by which model: a version by its id, or a model's name and an alias."""

    model_version = serializers.IntegerField(required=False, min_value=1)
    model = serializers.CharField(required=False, max_length=200, help_text="Name of the model.")
    alias = serializers.CharField(required=False, max_length=64, default=CHAMPION)
    dataset_version = serializers.IntegerField(min_value=1)
    output_dataset = serializers.CharField(
        required=False,
        default="",
        max_length=200,
        help_text="Name of the dataset that the answers become a version of; made when there is none.",
    )
    threshold = serializers.JSONField(
        required=False,
        help_text=(
            "A number: also decide at it; true: at the version's own threshold, else 1/2. Absent: at the version's own "
            "where one was chosen for it; false: never."
        ),
    )
    keep = serializers.ChoiceField(
        choices=BatchScoring.Keep.choices,
        default=BatchScoring.Keep.IDENTIFIERS,
        help_text="Which columns of the rows go with the answers.",
    )

    def validate_threshold(self, value: Any) -> bool | float | None:
        try:
            return False if value is False else read_threshold(value)
        except BodyMalformed as refusal:
            raise serializers.ValidationError(str(refusal)) from None


class BatchScoringViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[BatchScoring],
):
    """Dataset versions, scored in one go."""

    queryset = with_related(BatchScoring.objects.all())
    serializer_class = BatchScoringSerializer
    filterset_fields: ClassVar[list[str]] = ["model_version", "dataset_version", "output_dataset"]
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {"create": Permission.EDIT}

    @extend_schema(
        request=BatchScoringRequestSerializer,
        responses={202: AcceptedJobSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def create(self, request: Request) -> Response:
        """Answer all rows of a dataset version; a job does it, and its result names the new version."""
        wanted = BatchScoringRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        scoring = services.score_dataset_version(
            principal=self.principal,
            model_version=self._model_version(values),
            dataset_version=get_object_or_404(
                versions_visible_to(self.principal).select_related("dataset__project"),
                pk=values["dataset_version"],
            ),
            output_dataset=values["output_dataset"],
            keep=values["keep"],
            threshold=values.get("threshold"),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        assert scoring.job is not None
        return accepted(scoring.job)

    def _model_version(self, values: dict[str, Any]) -> ModelVersion:
        mine = ModelVersion.objects.filter(model__project_id=self.principal.project_id)
        if "model_version" in values:
            return get_object_or_404(mine.select_related("model"), pk=values["model_version"])
        if "model" not in values:
            raise Invalid("Name a model version, or a model and an alias.", field="model_version")
        found = (
            Alias.objects.filter(
                model__project_id=self.principal.project_id,
                model__name=values["model"],
                name=values["alias"],
            )
            .select_related("version__model")
            .first()
        )
        if found is None:
            raise Invalid(
                f"There is no model '{values['model']}' with the alias '{values['alias']}'.",
                field="alias",
            )
        return found.version

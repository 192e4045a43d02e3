"""The API of checks: make and change them, what they found, carry them out again, suggestions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.scoping import ProjectScopedMixin
from datasets import services
from datasets.api.serializers import DatasetVersionSummarySerializer
from datasets.api.serializers.checks import (
    AcceptSuggestionsRequestSerializer,
    CheckResultSerializer,
    DataCheckChangeRequestSerializer,
    DataCheckKindSerializer,
    DataCheckRequestSerializer,
    DataCheckSerializer,
    SuggestionsSerializer,
    WaiveRequestSerializer,
)
from datasets.checking.kinds import KINDS
from datasets.models import CheckResult, DataCheck, Dataset, DatasetVersion, Severity, Verdict
from datasets.models.checks import KIND_CHOICES
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer

_DATASET_ID = OpenApiParameter("dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH)
_VERSION_ID = OpenApiParameter("version_id", OpenApiTypes.INT, OpenApiParameter.PATH)


class DataCheckFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of checks can be narrowed by."""

    dataset = filters.NumberFilter(field_name="dataset_id")
    kind = filters.ChoiceFilter(choices=KIND_CHOICES)
    severity = filters.ChoiceFilter(choices=Severity.choices)
    is_enabled = filters.BooleanFilter()

    class Meta:
        model = DataCheck
        fields: ClassVar[list[str]] = ["dataset", "kind", "severity", "is_enabled"]


class DataCheckViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[DataCheck],
):
    """Questions that are asked of every version of a dataset."""

    queryset = DataCheck.objects.select_related("dataset", "created_by")
    serializer_class = DataCheckSerializer
    filterset_class = DataCheckFilter
    project_lookup = "dataset__project"
    ordering_fields: ClassVar[list[str]] = ["id", "created_at", "changed_at"]

    @extend_schema(request=DataCheckRequestSerializer, responses={201: DataCheckSerializer})
    def create(self, request: Request) -> Response:
        """Make a check; it looks at every later version."""
        wanted = DataCheckRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        dataset = get_object_or_404(
            Dataset, pk=values.pop("dataset"), project_id=self.principal.project_id
        )
        check = services.create_check(principal=self.principal, dataset=dataset, **values)
        return Response(DataCheckSerializer(check).data, status=201)

    @extend_schema(request=DataCheckChangeRequestSerializer, responses=DataCheckSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change columns, parameters, severity, description, or switch it off; the kind stays."""
        wanted = DataCheckChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        check = services.change_check(
            principal=self.principal, check=self.get_object(), **wanted.validated_data
        )
        return Response(DataCheckSerializer(check).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a check; what it found in versions stays."""
        services.delete_check(principal=self.principal, check=self.get_object())
        return Response(status=204)


class DataCheckKindsView(APIView):
    """What can be checked."""

    @extend_schema(responses=DataCheckKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return the kinds of checks with the schemas of their parameters."""
        return Response(
            [
                {
                    "kind": kind.key,
                    "title": kind.title,
                    "description": kind.description,
                    "fewest_columns": kind.fewest_columns,
                    "most_columns": kind.most_columns,
                    "column_types": sorted(item.value for item in kind.types),
                    "parameters": {one.name: one.schema() for one in kind.parameters},
                }
                for kind in KINDS.values()
            ]
        )


class CheckSuggestionsView(ProjectScopedMixin, GenericAPIView[DataCheck]):
    """Checks that the newest version of a dataset suggests."""

    queryset = DataCheck.objects.all()
    serializer_class = SuggestionsSerializer
    project_lookup = "dataset__project"
    pagination_class = None
    filterset_class = None

    @property
    def dataset(self) -> Dataset:
        """The dataset of the address."""
        return get_object_or_404(
            Dataset, pk=self.kwargs["dataset_id"], project_id=self.principal.project_id
        )

    @extend_schema(parameters=[_DATASET_ID], responses=SuggestionsSerializer, filters=False)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return what could be checked and is not checked yet."""
        version, found = services.suggestions_for(self.dataset)
        content = {"version": None if version is None else version.pk, "suggestions": found}
        return Response(SuggestionsSerializer(content).data)

    @extend_schema(
        parameters=[_DATASET_ID],
        request=AcceptSuggestionsRequestSerializer,
        responses={201: DataCheckSerializer(many=True)},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Make checks of suggestions."""
        dataset = self.dataset
        wanted = AcceptSuggestionsRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = services.accept_suggestions(
            principal=self.principal, dataset=dataset, **wanted.validated_data
        )
        return Response(DataCheckSerializer(made, many=True).data, status=201)


class CheckResultFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of results can be narrowed by; without a word, to the current ones."""

    is_current = filters.BooleanFilter()
    verdict = filters.ChoiceFilter(choices=Verdict.choices)
    severity = filters.ChoiceFilter(choices=Severity.choices)

    class Meta:
        model = CheckResult
        fields: ClassVar[list[str]] = ["is_current", "verdict", "severity"]


class _OfVersion(ProjectScopedMixin, GenericAPIView[CheckResult]):
    queryset = CheckResult.objects.select_related("version")
    serializer_class = CheckResultSerializer
    project_lookup = "version__dataset__project"

    @property
    def version(self) -> DatasetVersion:
        """The version of the address."""
        return get_object_or_404(
            DatasetVersion.objects.select_related("dataset"),
            pk=self.kwargs["version_id"],
            dataset__project_id=self.principal.project_id,
        )


@extend_schema_view(get=extend_schema(parameters=[_VERSION_ID]))
class CheckResultsView(mixins.ListModelMixin, _OfVersion):
    """What the checks found in a version."""

    filterset_class = CheckResultFilter

    def get_queryset(self) -> QuerySet[CheckResult]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        found = queryset.filter(version=self.version).order_by("-id")
        return found if "is_current" in self.request.query_params else found.filter(is_current=True)

    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the current results; with ``is_current=false`` those of earlier looks."""
        return self.list(request)


class CheckVersionView(_OfVersion):
    """Carrying the checks out again."""

    pagination_class = None

    @extend_schema(parameters=[_VERSION_ID], request=None, responses={202: AcceptedJobSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Carry out the checks of the dataset on this version, by a job."""
        return accepted(services.request_checks(principal=self.principal, version=self.version))


class WaiveChecksView(_OfVersion):
    """Letting a version through all the same."""

    pagination_class = None

    @extend_schema(
        parameters=[_VERSION_ID],
        request=WaiveRequestSerializer,
        responses=DatasetVersionSummarySerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Make a version ready that checks hold back; needs the permission to administer."""
        version = self.version
        wanted = WaiveRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        ready = services.waive_checks(
            principal=self.principal, version=version, **wanted.validated_data
        )
        return Response(DatasetVersionSummarySerializer(ready).data)

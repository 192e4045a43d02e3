"""The API of erasures: ask, look at what was found, confirm as a second person, see what was done."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from datasets import services
from datasets.api.serializers.erasures import (
    AcceptedErasureSerializer,
    ErasureConfirmationSerializer,
    ErasureRejectionSerializer,
    ErasureRequestSerializer,
    ErasureSerializer,
    ErasureSummarySerializer,
)
from datasets.models import DatasetVersion, ErasureRequest, ErasureStatus
from datasets.selectors.erasure import erasures_with_related
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer


class ErasureFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of erasures can be narrowed by."""

    status = filters.MultipleChoiceFilter(choices=ErasureStatus.choices)

    class Meta:
        model = ErasureRequest
        fields: ClassVar[list[str]] = ["status"]


class ErasureRequestViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[ErasureRequest],
):
    """Requests to erase a data subject."""

    queryset = ErasureRequest.objects.all()
    serializer_class = ErasureSerializer
    filterset_class = ErasureFilter
    ordering_fields: ClassVar[list[str]] = ["requested_at", "ended_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "confirm": Permission.ADMIN,
        "reject": Permission.ADMIN,
        "resume": Permission.ADMIN,
    }

    def get_queryset(self) -> QuerySet[ErasureRequest]:
        queryset = erasures_with_related(super().get_queryset())
        if self.action == "list":
            return queryset.defer("before", "after")
        return queryset.prefetch_related("version_erasures")

    def get_serializer_class(self) -> type[ErasureSummarySerializer]:
        return ErasureSummarySerializer if self.action == "list" else ErasureSerializer

    @extend_schema(request=ErasureRequestSerializer, responses={202: AcceptedErasureSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a person's rows to be erased; a job searches for them and changes nothing."""
        wanted = ErasureRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return _at_work(services.request_erasure(principal=self.principal, **wanted.validated_data))

    @extend_schema(request=None, responses={202: AcceptedErasureSerializer})
    @action(detail=True, methods=["post"])
    def search(self, request: Request, **kwargs: Any) -> Response:
        """Search once more before it is confirmed."""
        return _at_work(services.search_again(principal=self.principal, request=self.get_object()))

    @extend_schema(
        request=ErasureConfirmationSerializer, responses={202: AcceptedErasureSerializer}
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, **kwargs: Any) -> Response:
        """Confirm as a second person, with the key once more; a job erases the rows."""
        erasure = self.get_object()
        wanted = ErasureConfirmationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return _at_work(
            services.confirm_erasure(
                principal=self.principal, request=erasure, **wanted.validated_data
            )
        )

    @extend_schema(request=ErasureRejectionSerializer, responses=ErasureSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, **kwargs: Any) -> Response:
        """Refuse as a second person; nothing is erased, and the key is wiped."""
        erasure = self.get_object()
        wanted = ErasureRejectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        done = services.reject_erasure(
            principal=self.principal, request=erasure, **wanted.validated_data
        )
        return Response(ErasureSerializer(done).data)

    @extend_schema(request=None, responses=ErasureSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Take one's own request back before it is confirmed; the key is wiped."""
        done = services.withdraw_erasure(principal=self.principal, request=self.get_object())
        return Response(ErasureSerializer(done).data)

    @extend_schema(request=None, responses={202: AcceptedErasureSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Go on with an erasure that broke off after it had begun."""
        return _at_work(
            services.resume_erasure(principal=self.principal, request=self.get_object())
        )


class VerifyVersionView(ProjectScopedMixin, GenericAPIView[DatasetVersion]):
    """The digest of a version, taken again."""

    queryset = DatasetVersion.objects.select_related("dataset")
    serializer_class = AcceptedJobSerializer
    project_lookup = "dataset__project"
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "version_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The version."
            )
        ],
        request=None,
        responses={202: AcceptedJobSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Read all rows of a version again and compare their digest with the recorded one.

        The job's result has ``recorded``, ``found``, ``row_count`` and ``matches``.
        """
        version = get_object_or_404(self.get_queryset(), pk=self.kwargs["version_id"])
        return accepted(services.verify_version(principal=self.principal, version=version))


def _at_work(erasure: ErasureRequest) -> Response:
    """Return 202 with the erasure's id beside the job."""
    assert erasure.job is not None
    answer = accepted(erasure.job)
    answer.data = {**answer.data, "erasure": erasure.pk}
    return answer

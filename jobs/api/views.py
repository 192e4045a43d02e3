"""The API of jobs: look, cancel, try again."""

from __future__ import annotations

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from jobs import services
from jobs.api.serializers import JobLogLineSerializer, JobSerializer
from jobs.models import Job, JobStatus


class JobFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of jobs can be narrowed by."""

    status = filters.MultipleChoiceFilter(choices=JobStatus.choices)
    kind = filters.CharFilter()

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = ["status", "kind"]


class JobViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Job],
):
    """Long work that was asked for."""

    queryset = Job.objects.all()
    serializer_class = JobSerializer
    filterset_class = JobFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "finished_at"]

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """Stop a queued or running job."""
        job = services.cancel(principal=self.principal, job=self.get_object())
        return Response(JobSerializer(job).data)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Queue a failed, cancelled or timed-out job again."""
        job = services.retry(principal=self.principal, job=self.get_object())
        return Response(JobSerializer(job).data, status=202)

    @extend_schema(responses=JobLogLineSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_class=None)
    def log(self, request: Request, **kwargs: Any) -> Response:
        """Return what the job said while it ran."""
        lines = self.get_object().log_lines.all()
        page = self.paginator.paginate_queryset(lines, request, view=self)  # type: ignore[union-attr]
        shown = JobLogLineSerializer(page, many=True)
        return self.get_paginated_response(shown.data)

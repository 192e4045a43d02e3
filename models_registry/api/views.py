"""The API of the model registry."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.forms import IntegerField
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.blobs import default_store
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from models_registry import services
from models_registry.api.serializers import (
    LARGEST_ID,
    AliasMoveSerializer,
    AliasSerializer,
    ApprovalRequestSerializer,
    ApprovalSerializer,
    DecisionSerializer,
    GateChangeRequestSerializer,
    GateRequestSerializer,
    GateSerializer,
    ModelChangeRequestSerializer,
    ModelVersionDetailSerializer,
    ModelVersionSerializer,
    PromotionRequestSerializer,
    ReasonSerializer,
    RegisteredModelSerializer,
    RequiredReasonSerializer,
)
from models_registry.api.uploads import UploadModelMixin
from models_registry.models import (
    ApprovalRequest,
    Gate,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.selectors import models_with_aliases, with_gates_and_aliases


class IdFilter(filters.NumberFilter):  # type: ignore[misc]
    """A key: a whole number that a database column holds."""

    field_class = IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=LARGEST_ID, **kwargs)


class RegisteredModelFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of models can be narrowed by."""

    name = filters.CharFilter()
    name_contains = filters.CharFilter(field_name="name", lookup_expr="icontains")


class ModelVersionFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of versions can be narrowed by."""

    model = IdFilter(field_name="model_id")
    model_name = filters.CharFilter(field_name="model__name")
    status = filters.MultipleChoiceFilter(choices=VersionStatus.choices)
    validation = filters.MultipleChoiceFilter(choices=Validation.choices)
    alias = filters.CharFilter(field_name="aliases__name")


class GateFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of gates can be narrowed by."""

    model = IdFilter(field_name="model_id")
    kind = filters.ChoiceFilter(choices=Gate.Kind.choices)
    enabled = filters.BooleanFilter()


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of approvals can be narrowed by."""

    version = IdFilter(field_name="version_id")
    model = IdFilter(field_name="version__model_id")
    status = filters.MultipleChoiceFilter(choices=ApprovalRequest.Status.choices)


class RegisteredModelViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[RegisteredModel],
):
    """Named lines of model versions."""

    queryset = models_with_aliases(RegisteredModel.objects.all())
    serializer_class = RegisteredModelSerializer
    filterset_class = RegisteredModelFilter
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "rollback": Permission.DEPLOY,
        "remove_alias": Permission.DEPLOY,
    }

    @extend_schema(request=ModelChangeRequestSerializer, responses=RegisteredModelSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change the description, or whether a second person must approve promotions."""
        wanted = ModelChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.update_model(
            principal=self.principal, model=self.get_object(), **wanted.validated_data
        )
        return Response(RegisteredModelSerializer(self.get_object()).data)

    @extend_schema(request=ReasonSerializer, responses=AliasSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, **kwargs: Any) -> Response:
        """Make the previous champion champion again."""
        wanted = ReasonSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        alias = services.rollback(
            principal=self.principal,
            model=self.get_object(),
            reason=wanted.validated_data["reason"] or "rollback",
        )
        return Response(AliasSerializer(alias).data)

    @extend_schema(
        responses=AliasMoveSerializer(many=True),
        filters=False,
        parameters=[
            OpenApiParameter("name", OpenApiTypes.STR, description="Moves of this alias only.")
        ],
    )
    @action(detail=True, methods=["get"], url_path="alias-moves", filterset_class=None)
    def alias_moves(self, request: Request, **kwargs: Any) -> Response:
        """Return all moves of the model's aliases, the newest first."""
        moves = self.get_object().alias_moves.select_related("from_version", "to_version")
        if name := request.query_params.get("name"):
            moves = moves.filter(name=name)
        page = self.paginator.paginate_queryset(moves, request, view=self)  # type: ignore[union-attr]
        return self.get_paginated_response(AliasMoveSerializer(page, many=True).data)

    @extend_schema(
        responses={204: None},
        parameters=[OpenApiParameter("alias", OpenApiTypes.STR, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["delete"], url_path=r"aliases/(?P<alias>[^/]+)")
    def remove_alias(self, request: Request, alias: str, **kwargs: Any) -> Response:
        """Take an alias away; ``champion`` and ``previous`` can be moved only."""
        services.remove_alias(principal=self.principal, model=self.get_object(), name=alias)
        return Response(status=204)


class ModelVersionViewSet(
    UploadModelMixin,
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ModelVersion],
):
    """Trained models."""

    project_lookup = "model__project"
    queryset = ModelVersion.objects.all()
    serializer_class = ModelVersionSerializer
    filterset_class = ModelVersionFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "number"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "promote": Permission.DEPLOY,
        "quarantine": Permission.DEPLOY,
        "release": Permission.DEPLOY,
        "retire": Permission.DEPLOY,
        "waive": Permission.ADMIN,
    }

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return with_gates_and_aliases(super().get_queryset())

    @extend_schema(responses=ModelVersionDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a version with its gates, signature and lineage."""
        return self._shown()

    @extend_schema(
        request=PromotionRequestSerializer,
        responses={
            200: AliasSerializer,
            409: OpenApiResponse(description="It may not be promoted."),
        },
    )
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, **kwargs: Any) -> Response:
        """Point an alias at the version; ``champion`` puts it into production."""
        wanted = PromotionRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        alias = services.promote(
            principal=self.principal, version=self.get_object(), **wanted.validated_data
        )
        return Response(AliasSerializer(alias).data)

    @extend_schema(
        request=None,
        responses={202: AcceptedJobSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    @action(detail=True, methods=["post"])
    def evaluate(self, request: Request, **kwargs: Any) -> Response:
        """Run the gates again, as they are now; until then the version is not validated."""
        job = services.request_evaluation(
            principal=self.principal,
            version=self.get_object(),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return accepted(job)

    @extend_schema(request=RequiredReasonSerializer, responses=ModelVersionDetailSerializer)
    @action(detail=True, methods=["post"])
    def quarantine(self, request: Request, **kwargs: Any) -> Response:
        """Take the version out of use until somebody releases it."""
        services.quarantine(
            principal=self.principal, version=self.get_object(), reason=_reason(request)
        )
        return self._shown()

    @extend_schema(request=RequiredReasonSerializer, responses=ModelVersionDetailSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, **kwargs: Any) -> Response:
        """Let a quarantined version be used again."""
        services.release(
            principal=self.principal, version=self.get_object(), reason=_reason(request)
        )
        return self._shown()

    @extend_schema(request=ReasonSerializer, responses=ModelVersionDetailSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, **kwargs: Any) -> Response:
        """Take the version out of use for ever."""
        wanted = ReasonSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.retire(
            principal=self.principal, version=self.get_object(), **wanted.validated_data
        )
        return self._shown()

    @extend_schema(request=RequiredReasonSerializer, responses=ModelVersionDetailSerializer)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, **kwargs: Any) -> Response:
        """Let a version pass that failed its gates, with a reason that is kept."""
        services.waive(principal=self.principal, version=self.get_object(), reason=_reason(request))
        return self._shown()

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def artifact(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Return the stored file (skops; ONNX where it was uploaded), whose digest was checked."""
        version = self.get_object()
        data = default_store().read(version.artifact_digest)
        response = HttpResponse(data, content_type="application/octet-stream")
        response["X-Content-Type-Options"] = "nosniff"
        name = f"model-version-{version.pk}.{'onnx' if version.is_uploaded else 'skops'}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["ETag"] = f'"{version.artifact_digest}"'
        return response

    def _shown(self) -> Response:
        return Response(ModelVersionDetailSerializer(self.get_object()).data)


class GateViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Gate],
):
    """Conditions that versions must meet before they may take traffic."""

    project_lookup = "model__project"
    queryset = Gate.objects.all()
    serializer_class = GateSerializer
    filterset_class = GateFilter

    @extend_schema(request=GateRequestSerializer, responses={201: GateSerializer})
    def create(self, request: Request) -> Response:
        """Add a gate; it judges from the next evaluation on."""
        wanted = GateRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        model = get_object_or_404(
            RegisteredModel, pk=values.pop("model"), project_id=self.principal.project_id
        )
        gate = services.add_gate(principal=self.principal, model=model, **values)
        return Response(GateSerializer(gate).data, status=201)

    @extend_schema(request=GateChangeRequestSerializer, responses=GateSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change a gate; results that it gave stay as they were."""
        wanted = GateChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changed = services.change_gate(
            principal=self.principal, gate=self.get_object(), **wanted.validated_data
        )
        return Response(GateSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove a gate; results that it gave stay."""
        services.remove_gate(principal=self.principal, gate=self.get_object())
        return Response(status=204)


class ApprovalViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ApprovalRequest],
):
    """Requests that a second person lets a version become champion."""

    project_lookup = "version__model__project"
    queryset = ApprovalRequest.objects.select_related("requested_by", "decided_by")
    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter
    required_permissions: ClassVar[dict[str, Permission]] = {
        "approve": Permission.DEPLOY,
        "reject": Permission.DEPLOY,
    }

    @extend_schema(request=ApprovalRequestSerializer, responses={201: ApprovalSerializer})
    def create(self, request: Request) -> Response:
        """Ask for an approval of exactly the artifact that a version has now."""
        wanted = ApprovalRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = get_object_or_404(
            ModelVersion.objects.select_related("model"),
            pk=wanted.validated_data["version"],
            model__project_id=self.principal.project_id,
        )
        made = services.request_approval(
            principal=self.principal, version=version, comment=wanted.validated_data["comment"]
        )
        return Response(ApprovalSerializer(made).data, status=201)

    @extend_schema(request=DecisionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, **kwargs: Any) -> Response:
        """Approve, as somebody else than who asked."""
        return self._decide(request, approve=True)

    @extend_schema(request=DecisionSerializer, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, **kwargs: Any) -> Response:
        """Reject, as somebody else than who asked."""
        return self._decide(request, approve=False)

    @extend_schema(request=None, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Take one's own open request back."""
        withdrawn = services.withdraw_approval(principal=self.principal, request=self.get_object())
        return Response(ApprovalSerializer(withdrawn).data)

    def _decide(self, request: Request, *, approve: bool) -> Response:
        wanted = DecisionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        decided = services.decide_approval(
            principal=self.principal,
            request=self.get_object(),
            approve=approve,
            comment=wanted.validated_data["comment"],
        )
        return Response(ApprovalSerializer(decided).data)


def _reason(request: Request) -> str:
    wanted = RequiredReasonSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    reason: str = wanted.validated_data["reason"]
    return reason

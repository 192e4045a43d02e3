"""The API of preprocessing recipes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.scoping import ProjectScopedMixin
from core.errors import NotFound
from datasets import services
from datasets.api.serializers.recipes import (
    RecipeChangeRequestSerializer,
    RecipeCloneRequestSerializer,
    RecipePreviewRequestSerializer,
    RecipePreviewSerializer,
    RecipeRequestSerializer,
    RecipeRevisionRequestSerializer,
    RecipeRevisionSerializer,
    RecipeSerializer,
    RecipeStepKindSerializer,
)
from datasets.models import Recipe, RecipeRevision, Use
from datasets.recipe_previews import preview_recipe
from datasets.recipes import STEP_KINDS
from datasets.recipes.describing import description_of, schema_of
from datasets.selectors import find_revision, recipes_with_newest, versions_visible_to


class RecipeFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of recipes can be narrowed by."""

    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Recipe
        fields: ClassVar[list[str]] = ["name"]


class RecipeViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Recipe],
):
    """Named lists of preprocessing steps."""

    queryset = Recipe.objects.all()
    serializer_class = RecipeSerializer
    filterset_class = RecipeFilter
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]

    def get_queryset(self) -> QuerySet[Recipe]:
        return recipes_with_newest(super().get_queryset()).select_related(
            "created_by", "cloned_from__recipe"
        )

    def _shown(self, recipe: Recipe) -> dict[str, Any]:
        return dict(RecipeSerializer(self.get_queryset().get(pk=recipe.pk)).data)

    @extend_schema(request=RecipeRequestSerializer, responses={201: RecipeSerializer})
    def create(self, request: Request) -> Response:
        """Write a recipe."""
        wanted = RecipeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = services.create_recipe(principal=self.principal, **wanted.validated_data)
        return Response(self._shown(made), status=201)

    @extend_schema(request=RecipeChangeRequestSerializer, responses=RecipeSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename or describe a recipe; its steps are changed by another revision."""
        recipe = self.get_object()
        wanted = RecipeChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.update_recipe(principal=self.principal, recipe=recipe, **wanted.validated_data)
        return Response(self._shown(recipe))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a recipe that no training was asked for with."""
        services.delete_recipe(principal=self.principal, recipe=self.get_object())
        return Response(status=204)

    @extend_schema(methods=["GET"], responses=RecipeRevisionSerializer(many=True), filters=False)
    @extend_schema(
        methods=["POST"],
        request=RecipeRevisionRequestSerializer,
        responses={201: RecipeRevisionSerializer},
    )
    @action(detail=True, methods=["get", "post"], filter_backends=[])
    def revisions(self, request: Request, **kwargs: Any) -> Response:
        """List the revisions of a recipe, the newest first, or write the next one."""
        recipe = self.get_object()
        if request.method == "POST":
            wanted = RecipeRevisionRequestSerializer(data=request.data)
            wanted.is_valid(raise_exception=True)
            made = services.revise_recipe(
                principal=self.principal, recipe=recipe, **wanted.validated_data
            )
            return Response(RecipeRevisionSerializer(made).data, status=201)
        rows: Any = RecipeRevision.objects.filter(recipe=recipe).select_related("created_by")
        page: Any = self.paginate_queryset(rows.order_by("-number"))
        return self.get_paginated_response(RecipeRevisionSerializer(page, many=True).data)

    @extend_schema(request=RecipeCloneRequestSerializer, responses={201: RecipeSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, **kwargs: Any) -> Response:
        """Write another recipe with the steps of a revision."""
        recipe = self.get_object()
        wanted = RecipeCloneRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        revision = find_revision(
            project_id=self.principal.project_id,
            recipe_id=recipe.pk,
            number=wanted.validated_data["revision"],
        )
        if revision is None:
            raise NotFound("The recipe has no such revision.", field="revision")
        made = services.clone_recipe(
            principal=self.principal, revision=revision, name=wanted.validated_data["name"]
        )
        return Response(self._shown(made), status=201)

    @extend_schema(request=RecipePreviewRequestSerializer, responses=RecipePreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Try steps on the first rows of a dataset version; nothing is kept."""
        wanted = RecipePreviewRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        version = get_object_or_404(
            versions_visible_to(self.principal, Use.READ), pk=values["dataset_version"]
        )
        found = preview_recipe(
            version, values["steps"], target=values["target"], rows=values["rows"]
        )
        return Response(RecipePreviewSerializer(found).data)


class RecipeStepKindsView(APIView):
    """The kinds of steps."""

    @extend_schema(responses=RecipeStepKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return every kind of step with the JSON Schema of its parameters and an example."""
        return Response(
            [
                {
                    "kind": step.kind,
                    "title": step.title,
                    "description": description_of(step),
                    "needs_target": step.needs_target,
                    "schema": schema_of(step),
                    "example": {"kind": step.kind, **step.example},
                }
                for step in STEP_KINDS.values()
            ]
        )

"""Reads of recipes and their revisions."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, OuterRef, QuerySet, Subquery

from accounts.models import Project
from datasets.models import Recipe, RecipeRevision


def recipes_with_newest(queryset: QuerySet[Recipe]) -> QuerySet[Recipe]:
    """Add ``revision_count``, and id, number and steps of the newest revision; by name."""
    newest = RecipeRevision.objects.filter(recipe=OuterRef("pk")).order_by("-number")
    return queryset.annotate(
        revision_count=Count("revisions"),
        newest_id=Subquery(newest.values("pk")[:1]),
        newest_number=Subquery(newest.values("number")[:1]),
        newest_steps=Subquery(newest.values("steps")[:1]),
    ).order_by("name")


def newest_revision(recipe: Recipe) -> RecipeRevision | None:
    """Return what a recipe says now."""
    return recipe.revisions.select_related("recipe").order_by("-number").first()


def revisions_of(projects: Sequence[Project]) -> QuerySet[RecipeRevision]:
    """Return all revisions of the recipes of projects, by name, the newest first."""
    return (
        RecipeRevision.objects.filter(recipe__project__in=projects)
        .select_related("recipe")
        .order_by("recipe__name", "-number")
    )


def find_revision(
    *, project_id: int, recipe_id: int, number: int | None = None
) -> RecipeRevision | None:
    """Return a revision of a recipe of the project; the newest, when no number is given."""
    found = RecipeRevision.objects.filter(recipe_id=recipe_id, recipe__project_id=project_id)
    if number is not None:
        found = found.filter(number=number)
    return found.select_related("recipe").order_by("-number").first()

"""Preprocessing recipes and their immutable revisions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project


class Recipe(models.Model):
    """A named list of preprocessing steps; what it says is what its revisions say."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recipes")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    cloned_from = models.ForeignKey(
        "RecipeRevision", on_delete=models.SET_NULL, null=True, blank=True, related_name="clones"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="one_recipe_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class RecipeRevision(models.Model):
    """What a recipe said at one time; never changed, so that a model can be made again from it."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    steps = models.JSONField()
    sha256 = models.CharField(max_length=64)
    note = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["recipe", "-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["recipe", "number"], name="one_recipe_revision_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipe} r{self.number}"

    def pinned(self) -> dict[str, Any]:
        """Return the revision as a training records it: complete without this row."""
        return {
            "recipe": self.recipe_id,
            "revision": self.pk,
            "name": self.recipe.name,
            "number": self.number,
            "sha256": self.sha256,
            "steps": self.steps,
        }

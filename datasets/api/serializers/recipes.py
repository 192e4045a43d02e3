"""Preprocessing recipes on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import Recipe, RecipeRevision
from datasets.recipe_previews import MOST_ROWS

_STEP_HELP = "Objects with kind and the parameters of that kind; see /api/v1/recipe-steps/."


def _steps(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.JSONField(), help_text=_STEP_HELP, **options)


class RecipeSerializer(serializers.ModelSerializer[Recipe]):
    """A recipe and what it says now."""

    revision_count = serializers.IntegerField(read_only=True)
    revision = serializers.IntegerField(
        source="newest_number", read_only=True, help_text="Number of the newest revision."
    )
    steps = _steps(source="newest_steps", read_only=True)
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )
    cloned_from = serializers.CharField(
        read_only=True, allow_null=True, help_text="The revision that it was cloned from."
    )

    class Meta:
        model = Recipe
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "description",
            "revision",
            "revision_count",
            "steps",
            "cloned_from",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class RecipeRevisionSerializer(serializers.ModelSerializer[RecipeRevision]):
    """What a recipe said at one time."""

    steps = _steps(read_only=True)
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = RecipeRevision
        fields: ClassVar[list[str]] = [
            "id",
            "number",
            "steps",
            "sha256",
            "note",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class RecipeRequestSerializer(serializers.Serializer[Any]):
    """What a recipe is made from."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000
    )
    steps = _steps(max_length=1_000)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class RecipeChangeRequestSerializer(serializers.Serializer[Any]):
    """What can be changed about a recipe without a new revision."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class RecipeRevisionRequestSerializer(serializers.Serializer[Any]):
    """The next revision of a recipe."""

    steps = _steps(max_length=1_000)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)
    based_on = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text="The revision that the steps were made from; 409 when there is a newer one.",
    )


class RecipeCloneRequestSerializer(serializers.Serializer[Any]):
    """Another recipe with the same steps."""

    name = serializers.CharField(max_length=200)
    revision = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="Default: the newest."
    )


class RecipePreviewRequestSerializer(serializers.Serializer[Any]):
    """Steps to be tried on the first rows of a dataset version."""

    dataset_version = serializers.IntegerField(min_value=1)
    steps = _steps(max_length=1_000)
    target = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=250,
        help_text="The column to be predicted: hidden from the steps, learnt from by target encoding.",
    )
    rows = serializers.IntegerField(required=False, default=20, min_value=1, max_value=MOST_ROWS)


class RecipePreviewColumnSerializer(serializers.Serializer[Any]):
    """A column before or after the steps."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["number", "text", "moment"])
    step = serializers.IntegerField(
        allow_null=True, help_text="Position of the step that made or last changed it."
    )


class RecipePreviewSideSerializer(serializers.Serializer[Any]):
    """Columns and rows on one side of the recipe."""

    columns = RecipePreviewColumnSerializer(many=True)
    rows = serializers.ListField(child=serializers.ListField())


class RecipeComplaintSerializer(serializers.Serializer[Any]):
    """What is wrong with a step."""

    field = serializers.CharField()
    message = serializers.CharField()


class RecipeStepOutcomeSerializer(serializers.Serializer[Any]):
    """How one step went."""

    position = serializers.IntegerField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(
        choices=[("done", "done"), ("failed", "failed"), ("not_reached", "not reached")]
    )
    errors = RecipeComplaintSerializer(many=True)  # type: ignore[assignment]
    made = serializers.ListField(child=serializers.CharField())
    columns_after = serializers.IntegerField(allow_null=True)


class RecipePreviewSerializer(serializers.Serializer[Any]):
    """A sample before and after the steps."""

    sample_rows = serializers.IntegerField(help_text="Rows that the steps were fitted on.")
    is_complete = serializers.BooleanField()
    before = RecipePreviewSideSerializer()
    after = RecipePreviewSideSerializer()
    steps = RecipeStepOutcomeSerializer(many=True)


class RecipeStepKindSerializer(serializers.Serializer[Any]):
    """A kind of step."""

    kind = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    needs_target = serializers.BooleanField()
    schema = serializers.DictField(help_text="A JSON Schema of the step.")
    example = serializers.DictField()

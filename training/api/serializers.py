"""Training runs on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from models_registry.api.serializers import LARGEST_ID
from models_registry.models import Task
from training.models import TrainingRun
from training.splits import POLICIES


class RecipeChoiceSerializer(serializers.Serializer[Any]):
    """A revision of a recipe."""

    id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, help_text="The recipe.")
    revision = serializers.IntegerField(
        min_value=1,
        max_value=LARGEST_ID,
        required=False,
        allow_null=True,
        default=None,
        help_text="Number of the revision; the newest, when absent.",
    )


class SplitPolicySerializer(serializers.Serializer[Any]):
    """How rows are split into those to learn from and those to test on."""

    policy = serializers.ChoiceField(choices=list(POLICIES.items()))
    column = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=250,
        help_text="Of the groups or of the moments.",
    )
    gap_hours = serializers.FloatField(
        required=False,
        default=0.0,
        help_text="Rows so shortly before the tested ones are left out.",
    )


class TrainingRequestSerializer(serializers.Serializer[Any]):
    """A model to be trained."""

    dataset_version = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    target = serializers.CharField(
        max_length=250,
        required=False,
        allow_null=True,
        default=None,
        help_text="The column to be predicted; absent: the one with the role of the target. For anomalies: the column "
        "that says which are known, if any.",
    )
    model = serializers.CharField(max_length=200, help_text="Name of the registered model.")
    features = serializers.ListField(
        child=serializers.CharField(), required=False, allow_null=True, default=None
    )
    task = serializers.ChoiceField(
        choices=Task.choices, required=False, allow_null=True, default=None
    )
    estimator = serializers.CharField(required=False, allow_null=True, default=None)
    params = serializers.DictField(required=False, default=dict)
    seed = serializers.IntegerField(required=False, default=0)
    holdout_fraction = serializers.FloatField(required=False, default=0.2)
    folds = serializers.IntegerField(required=False, default=5)
    recipe = RecipeChoiceSerializer(required=False, allow_null=True, default=None)
    decision = serializers.DictField(
        required=False,
        allow_null=True,
        default=None,
        help_text="How the decision threshold is chosen: rule f1; cost with false_positive and false_negative; "
        "precision or recall with at_least; fixed with threshold; for anomalies contamination with share "
        "(5 %, when absent).",
    )
    split = SplitPolicySerializer(
        required=False,
        allow_null=True,
        default=None,
        help_text="By time where the data has a timestamp, else by class, when absent.",
    )


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A training run and where it led."""

    run_id = serializers.CharField(source="run.run_id", read_only=True)
    status = serializers.CharField(source="run.status", read_only=True)
    model = serializers.CharField(source="registered_model.name", read_only=True)
    recipe = serializers.SerializerMethodField(
        help_text="The recipe's id, name and revision; null without one."
    )
    split = serializers.DictField(
        read_only=True, help_text="The policy; empty: by class where the classes are large enough."
    )
    decision = serializers.DictField(
        read_only=True, help_text="The rule of the decision threshold; empty: the usual one."
    )
    split_report = serializers.DictField(
        read_only=True,
        help_text="What came of it: seed, counts, boundaries, SHA-256 of the row numbers.",
    )

    class Meta:
        model = TrainingRun
        fields: ClassVar[list[str]] = [
            "id",
            "run",
            "run_id",
            "status",
            "model",
            "dataset_version",
            "target",
            "features",
            "task",
            "estimator",
            "params",
            "seed",
            "holdout_fraction",
            "folds",
            "recipe",
            "split",
            "split_report",
            "decision",
            "warnings",
            "dropped_columns",
            "job",
            "model_version",
            "created_at",
        ]
        read_only_fields = fields

    def get_recipe(self, row: TrainingRun) -> dict[str, Any] | None:
        if row.recipe_revision is None:
            return None
        revision = row.recipe_revision
        return {"id": revision.recipe_id, "name": revision.recipe.name, "revision": revision.number}


class EstimatorSerializer(serializers.Serializer[Any]):
    """An entry of the catalogue."""

    key = serializers.CharField()
    title = serializers.CharField()
    tasks = serializers.ListField(child=serializers.CharField())
    params = serializers.DictField(help_text="A JSON Schema for each hyper-parameter.")

"""Training runs on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from models_registry.models import Task
from training.models import TrainingRun


class TrainingRequestSerializer(serializers.Serializer[Any]):
    """A model to be trained."""

    dataset_version = serializers.IntegerField(min_value=1)
    target = serializers.CharField(
        max_length=250,
        required=False,
        allow_null=True,
        default=None,
        help_text="The column to be predicted; absent: the one with the role of the target.",
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


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A training run and where it led."""

    run_id = serializers.CharField(source="run.run_id", read_only=True)
    status = serializers.CharField(source="run.status", read_only=True)
    model = serializers.CharField(source="registered_model.name", read_only=True)

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
            "warnings",
            "dropped_columns",
            "job",
            "model_version",
            "created_at",
        ]
        read_only_fields = fields


class EstimatorSerializer(serializers.Serializer[Any]):
    """An entry of the catalogue."""

    key = serializers.CharField()
    title = serializers.CharField()
    tasks = serializers.ListField(child=serializers.CharField())
    params = serializers.DictField(help_text="A JSON Schema for each hyper-parameter.")

"""Experiments and runs on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from experiments import selectors
from experiments.models import Experiment, Run, RunArtifact


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    """A group of runs."""

    class Meta:
        model = Experiment
        fields: ClassVar[list[str]] = ["id", "name", "created_at"]
        read_only_fields = fields


class RunArtifactSerializer(serializers.ModelSerializer[RunArtifact]):
    """A file of a run."""

    class Meta:
        model = RunArtifact
        fields: ClassVar[list[str]] = ["path", "digest", "size_bytes", "content_type"]
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run in a list."""

    class Meta:
        model = Run
        fields: ClassVar[list[str]] = [
            "id",
            "run_id",
            "experiment",
            "name",
            "status",
            "dataset_version",
            "job",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields


class RunDetailSerializer(RunSerializer):
    """A run with everything that was logged to it."""

    params = serializers.SerializerMethodField()
    metrics = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    artifacts = RunArtifactSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields: ClassVar[list[str]] = [
            *RunSerializer.Meta.fields,
            "params",
            "metrics",
            "tags",
            "artifacts",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_params(self, run: Run) -> dict[str, str]:
        return dict(run.params.values_list("key", "value"))

    @extend_schema_field(serializers.DictField(child=serializers.FloatField(allow_null=True)))
    def get_metrics(self, run: Run) -> dict[str, float | None]:
        return selectors.latest_metrics(run)

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_tags(self, run: Run) -> dict[str, Any]:
        return dict(run.tags.values_list("key", "value"))

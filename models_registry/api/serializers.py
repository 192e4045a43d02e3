"""The model registry on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from models_registry.models import (
    AliasMove,
    ApprovalRequest,
    Gate,
    GateResult,
    ModelVersion,
    RegisteredModel,
)
from models_registry.recording import spec_of
from models_registry.selectors import CHAMPION, lineage_of

#: The largest key that a database column holds.
LARGEST_ID = 2**63 - 1


class RegisteredModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    """A named line of model versions."""

    aliases = serializers.SerializerMethodField(help_text="Alias: id of the version.")
    version_count = serializers.IntegerField(read_only=True)
    latest_number = serializers.IntegerField(read_only=True, allow_null=True)
    created_by = serializers.CharField(source="created_by.username", default=None, read_only=True)

    class Meta:
        model = RegisteredModel
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "description",
            "requires_approval",
            "aliases",
            "version_count",
            "latest_number",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields

    def get_aliases(self, model: RegisteredModel) -> dict[str, int]:
        """Return the versions that the aliases point at."""
        return {alias.name: alias.version_id for alias in model.aliases.all()}


class ModelChangeRequestSerializer(serializers.Serializer[Any]):
    """What can be changed about a model."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    requires_approval = serializers.BooleanField(
        required=False, help_text="An administrator's word: promotions need a second person."
    )


class GateSerializer(serializers.ModelSerializer[Gate]):
    """A condition that versions of a model must meet."""

    name = serializers.SerializerMethodField()

    class Meta:
        model = Gate
        fields: ClassVar[list[str]] = [
            "id",
            "model",
            "name",
            "kind",
            "metric",
            "comparison",
            "threshold",
            "required",
            "enabled",
        ]
        read_only_fields = fields

    def get_name(self, gate: Gate) -> str:
        """Return the condition in one line."""
        return spec_of(gate).name


class GateChangeRequestSerializer(serializers.Serializer[Any]):
    """What can be changed about a gate."""

    metric = serializers.CharField(required=False, allow_blank=True, max_length=64)
    comparison = serializers.ChoiceField(choices=Gate.Comparison.choices, required=False)
    threshold = serializers.FloatField(required=False)
    required = serializers.BooleanField(  # type: ignore[assignment]
        required=False, help_text="A failed gate that is not required only warns."
    )
    enabled = serializers.BooleanField(required=False)


class GateRequestSerializer(GateChangeRequestSerializer):
    """A gate to be added."""

    model = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    kind = serializers.ChoiceField(choices=Gate.Kind.choices)


class GateResultSerializer(serializers.ModelSerializer[GateResult]):
    """What one gate said about one version."""

    class Meta:
        model = GateResult
        fields: ClassVar[list[str]] = [
            "name",
            "kind",
            "metric",
            "comparison",
            "threshold",
            "value",
            "required",
            "passed",
            "measured",
            "reason",
            "at",
        ]
        read_only_fields = fields


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """One trained model."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    aliases = serializers.SerializerMethodField()
    erasure_marks = serializers.DictField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="How many rows that it was trained on each erasure removed, by its reference.",
    )
    gates = GateResultSerializer(source="current_results", many=True, read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, read_only=True)
    is_uploaded = serializers.BooleanField(
        read_only=True, help_text="Made elsewhere: its data was measured on, not learnt from."
    )

    class Meta:
        model = ModelVersion
        fields: ClassVar[list[str]] = [
            "id",
            "model",
            "model_name",
            "number",
            "status",
            "validation",
            "aliases",
            "task",
            "estimator",
            "runtime",
            "metrics",
            "baseline_metrics",
            "gates",
            "artifact_digest",
            "artifact_size_bytes",
            "run",
            "dataset_version",
            "erasure_affected_at",
            "erasure_marks",
            "is_uploaded",
            "seed",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields

    def get_aliases(self, version: ModelVersion) -> list[str]:
        """Return the names that point at this version."""
        return [alias.name for alias in version.aliases.all()]


class ModelVersionDetailSerializer(ModelVersionSerializer):
    """One trained model with everything that is known of it."""

    lineage = serializers.SerializerMethodField()

    class Meta(ModelVersionSerializer.Meta):
        fields: ClassVar[list[str]] = [
            *ModelVersionSerializer.Meta.fields,
            "signature",
            "runtime_report",
            "spec",
            "environment",
            "decision",
            "upload",
            "lineage",
        ]
        read_only_fields = fields

    def get_lineage(self, version: ModelVersion) -> dict[str, Any]:
        """Return where the version comes from and who let it through."""
        return lineage_of(version)


class PromotionRequestSerializer(serializers.Serializer[Any]):
    """An alias to point at a version."""

    alias = serializers.CharField(max_length=100, default=CHAMPION)
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)
    expected_version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="Id of the version that the alias points at now; refused (409) when it does not.",
    )


class AliasSerializer(serializers.Serializer[Any]):
    """An alias after it was moved."""

    alias = serializers.CharField(source="name")
    model = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="version_id")
    number = serializers.IntegerField(source="version.number")


class ReasonSerializer(serializers.Serializer[Any]):
    """Why something is done."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class RequiredReasonSerializer(serializers.Serializer[Any]):
    """Why something unusual is done."""

    reason = serializers.CharField(max_length=500)


class AliasMoveSerializer(serializers.ModelSerializer[AliasMove]):
    """One move of an alias."""

    from_number = serializers.IntegerField(source="from_version.number", default=None)
    to_number = serializers.IntegerField(source="to_version.number", default=None)

    class Meta:
        model = AliasMove
        fields: ClassVar[list[str]] = [
            "name",
            "from_version",
            "from_number",
            "to_version",
            "to_number",
            "reason",
            "moved_by_name",
            "at",
        ]
        read_only_fields = fields


class ApprovalSerializer(serializers.ModelSerializer[ApprovalRequest]):
    """A request that a second person decides."""

    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, read_only=True)

    class Meta:
        model = ApprovalRequest
        fields: ClassVar[list[str]] = [
            "id",
            "version",
            "artifact_digest",
            "status",
            "requested_by",
            "comment",
            "decided_by",
            "decision_comment",
            "created_at",
            "decided_at",
        ]
        read_only_fields = fields


class ApprovalRequestSerializer(serializers.Serializer[Any]):
    """The version to be approved."""

    version = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    comment = serializers.CharField(default="", allow_blank=True, max_length=5_000)


class DecisionSerializer(serializers.Serializer[Any]):
    """What the second person says."""

    comment = serializers.CharField(default="", allow_blank=True, max_length=5_000)

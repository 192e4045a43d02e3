"""Serving on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from serving.models import Deployment, Endpoint


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """One model version at work behind an endpoint."""

    model = serializers.CharField(source="model_version.model.name", read_only=True)
    model_version_number = serializers.IntegerField(source="model_version.number", read_only=True)
    started_by = serializers.CharField(source="started_by.username", default=None, read_only=True)

    class Meta:
        model = Deployment
        fields: ClassVar[list[str]] = [
            "id",
            "model_version",
            "model",
            "model_version_number",
            "role",
            "weight",
            "group",
            "reason",
            "started_by",
            "started_at",
            "ended_at",
            "problem",
        ]
        read_only_fields = fields


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint with what answers behind it."""

    model = serializers.CharField(source="model.name", read_only=True)
    deployments = DeploymentSerializer(
        source="active", many=True, read_only=True, help_text="Those at work now."
    )

    class Meta:
        model = Endpoint
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "description",
            "model",
            "status",
            "is_open",
            "log_share",
            "log_redaction",
            "log_retention_days",
            "entity_column",
            "fallback",
            "fallback_value",
            "decision_threshold",
            "deployments",
            "created_at",
        ]
        read_only_fields = fields


class EndpointRequestSerializer(serializers.Serializer[Any]):
    """An endpoint to be made."""

    name = serializers.CharField(max_length=64)
    model = serializers.CharField(help_text="Name or id of the registered model.")
    description = serializers.CharField(required=False, default="", allow_blank=True)


class EndpointChangeSerializer(serializers.Serializer[Any]):
    """What can be changed about an endpoint."""

    description = serializers.CharField(allow_blank=True, required=False)
    is_open = serializers.BooleanField(
        required=False,
        help_text="Answer callers without a token; takes an administrator of the project.",
    )
    decision_threshold = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="Decides for callers that ask for decisions; null: the threshold of the version that answers.",
    )
    log_share = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Share of requests that the log keeps."
    )
    log_redaction = serializers.DictField(
        child=serializers.ChoiceField(choices=["drop", "hash"]),
        required=False,
        help_text="What the log keeps of a column, where it is not all.",
    )
    log_retention_days = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=36_500,
        help_text="Predictions of days before are deleted, once a day; 0: kept for ever.",
    )
    entity_column = serializers.CharField(
        allow_blank=True,
        required=False,
        max_length=200,
        help_text="The input whose value keeps its version while several are at work.",
    )
    fallback = serializers.ChoiceField(choices=Endpoint.Fallback.choices, required=False)
    fallback_value = serializers.JSONField(
        required=False, help_text="The constant answer: a class of the model, or a number."
    )


class RollbackRequestSerializer(serializers.Serializer[Any]):
    """Why an endpoint goes back to the champion before."""

    reason = serializers.CharField(max_length=500, required=False, default="rolled back")


class PredictionRequestSerializer(serializers.Serializer[Any]):
    """Instances to be answered."""

    instances = serializers.ListField(
        child=serializers.DictField(),
        help_text="One object of feature and value for each instance; null for a missing value.",
    )
    threshold = serializers.JSONField(
        required=False,
        help_text="true: also decide at the endpoint's or the version's threshold; a number: at this one.",
    )
    explain = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Say why, too: what each input contributed. For a few instances only (413 beyond).",
    )


class AnsweringVersionSerializer(serializers.Serializer[Any]):
    """The model version that answered."""

    id = serializers.IntegerField()
    model = serializers.CharField()
    number = serializers.IntegerField()
    fallback = serializers.ChoiceField(
        choices=Endpoint.Fallback.choices,
        required=False,
        help_text="What stood in for the champion in an emergency.",
    )


class PredictionWarningSerializer(serializers.Serializer[Any]):
    """A value that was accepted although training never saw it."""

    field = serializers.CharField()
    detail = serializers.CharField()


class ExplanationSerializer(serializers.Serializer[Any]):
    """Why an instance got its answer: contributions add up to `output - baseline`."""

    locals()["class"] = serializers.JSONField(
        required=False, help_text="Of two classes the second, of more the predicted one."
    )
    baseline = serializers.FloatField(help_text="The quantity on average over reference rows.")
    output = serializers.FloatField(help_text="The quantity of this instance.")
    contributions = serializers.DictField(
        child=serializers.FloatField(), help_text="Of each input, by name."
    )


class ExplainedBySerializer(serializers.Serializer[Any]):
    """How it was found out, and what that cost."""

    method = serializers.ChoiceField(choices=["linear", "trees", "permutation"])
    quantity = serializers.ChoiceField(
        choices=["margin", "probability", "value"],
        help_text="What is divided: a class's score before the logistic function or softmax, its "
        "probability, or a number.",
    )
    exact = serializers.BooleanField(help_text="Computed, not estimated; they add up either way.")
    reference_rows = serializers.IntegerField()
    evaluations_per_row = serializers.IntegerField(
        help_text="How often the model answered to explain one instance."
    )


class PredictionResponseSerializer(serializers.Serializer[Any]):
    """Answers, one for each instance and in their order."""

    predictions = serializers.ListField()
    probabilities = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), required=False
    )
    classes = serializers.ListField(required=False, help_text="The order of the probabilities.")
    decisions = serializers.ListField(
        required=False,
        help_text="Where a threshold was asked for: one of two classes, or whether it is an anomaly.",
    )
    threshold = serializers.FloatField(required=False, help_text="What decided.")
    model_version = AnsweringVersionSerializer()
    endpoint = serializers.CharField()
    prediction_ids = serializers.ListField(child=serializers.UUIDField())
    warnings = PredictionWarningSerializer(many=True, required=False)
    explanations = ExplanationSerializer(
        many=True, required=False, help_text="One for each instance, where `explain` was true."
    )
    explained_by = ExplainedBySerializer(required=False)

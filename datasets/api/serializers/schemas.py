"""The edited schema of a dataset on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.models import DatasetSchema
from datasets.schema import ColumnType, Role


class LimitField(serializers.JSONField):
    """A number, a truth value, or text."""


class SchemaColumnSerializer(serializers.Serializer[Any]):
    """One column as it is declared."""

    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(choices=[item.value for item in ColumnType])
    role = serializers.ChoiceField(
        choices=[(item.value, item.name) for item in Role], default="feature"
    )
    nullable = serializers.BooleanField(default=True, help_text="Whether null may be there.")
    minimum = LimitField(
        required=False, allow_null=True, help_text="Least number, or earliest time as ISO 8601."
    )
    maximum = LimitField(required=False, allow_null=True)
    categories = serializers.ListField(
        child=LimitField(), required=False, allow_null=True, help_text="The only values that occur."
    )
    enforce = serializers.BooleanField(
        default=False,
        help_text="Refuse predictions outside of the limits, instead of flagging them.",
    )
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1_000
    )


class SchemaRequestSerializer(serializers.Serializer[Any]):
    """What a new revision is made from: every column, in the form in which it is returned."""

    columns = SchemaColumnSerializer(many=True, allow_empty=False)
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=500, help_text="Why it is changed."
    )
    expected_revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        help_text="The revision that you have read (0: none); refused (409) when it is another by now.",
    )


class SchemaSerializer(serializers.Serializer[Any]):
    """What the rows of the next version are held to; revision is null when it was only inferred."""

    revision = serializers.IntegerField(allow_null=True)
    columns = SchemaColumnSerializer(many=True)
    inferred_from = serializers.IntegerField(
        allow_null=True, help_text="Id of the version that it was read off, when nobody edited it."
    )


class SchemaRevisionSerializer(serializers.ModelSerializer[DatasetSchema]):
    """One revision, in force or not."""

    columns = SchemaColumnSerializer(many=True)
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = DatasetSchema
        fields = ("revision", "is_active", "columns", "comment", "created_by", "created_at")
        read_only_fields = fields

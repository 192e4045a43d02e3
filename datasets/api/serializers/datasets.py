"""Datasets on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import Dataset


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset and its newest ready version."""

    version_count = serializers.IntegerField(read_only=True)
    latest_version = serializers.IntegerField(
        source="latest_version_id",
        read_only=True,
        allow_null=True,
        help_text="Id of the newest version that is ready.",
    )
    latest_version_number = serializers.IntegerField(read_only=True, allow_null=True)
    latest_row_count = serializers.IntegerField(read_only=True, allow_null=True)
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "description",
            "version_count",
            "latest_version",
            "latest_version_number",
            "latest_row_count",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class DatasetRequestSerializer(serializers.Serializer[Any]):
    """What a dataset is made from."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000
    )


class DatasetChangeRequestSerializer(serializers.Serializer[Any]):
    """What can be changed about a dataset."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)

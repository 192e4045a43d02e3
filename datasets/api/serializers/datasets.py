"""Datasets on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from datasets.models import Dataset, GrantLevel


class DatasetShareSerializer(serializers.Serializer[Any]):
    """Under which grant of which project a dataset is used."""

    owner = serializers.SlugField(help_text="The project that shares it.")
    level = serializers.ChoiceField(choices=GrantLevel.choices)
    expires_at = serializers.DateTimeField(allow_null=True)


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
    project = serializers.SlugField(source="project.slug", read_only=True)
    shared = serializers.SerializerMethodField(
        help_text="How another project shares it, or the dataset whose rows it holds; null: one's own."
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
            "project",
            "shared",
        ]
        read_only_fields = fields

    @extend_schema_field(DatasetShareSerializer(allow_null=True))
    def get_shared(self, dataset: Dataset) -> dict[str, Any] | None:
        level = getattr(dataset, "grant_level", None)
        if level is None:
            return None
        owner = (dataset.restricted_by or dataset).project
        shown = {
            "owner": owner.slug,
            "level": level,
            "expires_at": getattr(dataset, "grant_expires_at", None),
        }
        return dict(DatasetShareSerializer(shown).data)


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

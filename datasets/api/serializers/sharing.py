"""Grants on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import DatasetGrant, GrantLevel


class DatasetGrantSerializer(serializers.ModelSerializer[DatasetGrant]):
    """A dataset that one project lets another use."""

    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    owner = serializers.SlugField(source="dataset.project.slug", read_only=True)
    project = serializers.SlugField(source="project.slug", read_only=True)
    state = serializers.ChoiceField(choices=["live", "expired", "revoked"], read_only=True)
    granted_by = serializers.CharField(
        source="granted_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = DatasetGrant
        fields: ClassVar[list[str]] = [
            "id",
            "dataset",
            "dataset_name",
            "owner",
            "project",
            "level",
            "state",
            "note",
            "expires_at",
            "granted_by",
            "granted_at",
            "revoked_at",
        ]
        read_only_fields = fields


class DatasetGrantRequestSerializer(serializers.Serializer[Any]):
    """A dataset of one's own, and who may use it."""

    dataset = serializers.IntegerField(min_value=1, help_text="A dataset of the project.")
    project = serializers.CharField(max_length=64, help_text="Slug of the project that may use it.")
    level = serializers.ChoiceField(
        choices=GrantLevel.choices,
        help_text="view: rows and profile; train: for models only; export: view, train, download.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)

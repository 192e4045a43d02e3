"""Dataset versions on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import DatasetVersion
from datasets.schema import ColumnType, Role
from datasets.services import MODES

_STORED = {"upload"}


class DatasetColumnSerializer(serializers.Serializer[Any]):
    """One column of a version's schema."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=[item.value for item in ColumnType])
    nullable = serializers.BooleanField()
    role = serializers.ChoiceField(choices=[(item.value, item.name) for item in Role])


class DatasetSchemaSerializer(serializers.Serializer[Any]):
    """The columns of a version, in their order; none until it is ready."""

    columns = DatasetColumnSerializer(many=True, default=list)


class DatasetVersionSummarySerializer(serializers.ModelSerializer[DatasetVersion]):
    """A version in a list: all but schema and profile."""

    source = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="Where the rows come from, e.g. kind, filename, encoding, file_sha256."
    )
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = DatasetVersion
        fields: ClassVar[list[str]] = [
            "id",
            "dataset",
            "number",
            "status",
            "parent",
            "row_count",
            "size_bytes",
            "sha256",
            "archived_at",
            "purged_at",
            "hold_reason",
            "source",
            "job",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields

    def get_source(self, version: DatasetVersion) -> dict[str, Any]:
        return {key: value for key, value in version.source.items() if key not in _STORED}


class DatasetVersionSerializer(DatasetVersionSummarySerializer):
    """A version with its schema and the profile of its columns."""

    schema = DatasetSchemaSerializer(read_only=True)
    profile = serializers.DictField(
        read_only=True,
        help_text=(
            "row_count, column_count, columns (name, type, nulls, distinct, and quantiles with "
            "histogram or top values), notes. Empty until the version is ready."
        ),
    )

    class Meta(DatasetVersionSummarySerializer.Meta):
        fields: ClassVar[list[str]] = [
            *DatasetVersionSummarySerializer.Meta.fields,
            "delta_version",
            "schema",
            "profile",
        ]
        read_only_fields = fields


class DatasetUploadRequestSerializer(serializers.Serializer[Any]):
    """A file to ingest."""

    file = serializers.FileField(allow_empty_file=True, help_text="A CSV or Parquet file.")
    mode = serializers.ChoiceField(
        choices=MODES,
        default="replace",
        help_text="append: the rows of the newest version come first.",
    )

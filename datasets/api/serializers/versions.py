"""Dataset versions on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.api.serializers.erasures import VersionErasureSerializer
from datasets.formats import ON_BAD_ROWS, REFUSE, USUAL_BAD_SHARE
from datasets.models import DatasetVersion
from datasets.schema import ColumnType, Role
from datasets.services import MODES

_STORED = {"upload", "quarantine"}


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
    quarantined_rows = serializers.IntegerField(
        read_only=True, help_text="Rows of the file that could not be read and were put aside."
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
            "quarantined_rows",
            "size_bytes",
            "sha256",
            "erasure_affected",
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
            "row_count, column_count, columns (name, type, nulls, distinct, is_unique, and quantiles "
            "with histogram or top values), notes. is_unique is null where the values were too many to "
            "count and none occurs twice in a sample. Empty until the version is ready."
        ),
    )

    erasures = VersionErasureSerializer(
        many=True,
        read_only=True,
        help_text="What erasures of data subjects removed: the history of the digest.",
    )

    class Meta(DatasetVersionSummarySerializer.Meta):
        fields: ClassVar[list[str]] = [
            *DatasetVersionSummarySerializer.Meta.fields,
            "delta_version",
            "schema",
            "profile",
            "erasures",
        ]
        read_only_fields = fields


class DatasetUploadRequestSerializer(serializers.Serializer[Any]):
    """A file to ingest."""

    file = serializers.FileField(
        allow_empty_file=True,
        help_text="CSV, TSV, JSON lines, Parquet, Arrow or Excel; plain, gzip or Zstandard.",
    )
    mode = serializers.ChoiceField(
        choices=MODES,
        default="replace",
        help_text="append: the rows of the newest version come first.",
    )
    on_bad_rows = serializers.ChoiceField(
        choices=ON_BAD_ROWS,
        default=REFUSE,
        help_text="refuse: one row that cannot be read refuses the file; quarantine: put it aside.",
    )
    most_bad_share = serializers.FloatField(
        min_value=0,
        max_value=1,
        default=USUAL_BAD_SHARE,
        help_text="The share of the rows that may be put aside.",
    )
    sheet = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=31,
        help_text="Of a workbook: which sheet; the first, when absent.",
    )

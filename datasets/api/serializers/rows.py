"""Rows, results of SQL and moments on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.sandbox.statement import MOST_CHARACTERS
from datasets.services import FILE_TYPES

_FILTERS_HELP = (
    'A JSON list of {"column", "operator", "value"}; all must hold. Operators: equals, not (nulls '
    "included), contains (text, case counts), less, at_most, more, at_least, between (two values, both "
    "included), in (a list), is_null, not_null."
)


class _SelectionSerializer(serializers.Serializer[Any]):
    """Which rows and columns; the names are checked against the version's schema."""

    filters = serializers.CharField(required=False, allow_blank=True, help_text=_FILTERS_HELP)
    order = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Columns to sort by, repeated; a leading - sorts downwards, nulls come last.",
    )
    columns = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Columns to return, repeated; all, when absent.",
    )


class DatasetRowsRequestSerializer(_SelectionSerializer):
    """Which rows to look at."""

    offset = serializers.IntegerField(min_value=0, max_value=2**53, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class DatasetRowsSerializer(serializers.Serializer[Any]):
    """A stretch of rows of a version."""

    offset = serializers.IntegerField()
    row_count = serializers.IntegerField(help_text="Rows of the whole version.")
    matching_count = serializers.IntegerField(
        required=False, help_text="Rows that pass the filters; absent without filters."
    )
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.ListField(),
        help_text="Values in the order of columns; text is cut after 1,000 characters.",
    )


class DatasetDownloadRequestSerializer(_SelectionSerializer):
    """Which rows to take away, and as what."""

    type = serializers.ChoiceField(choices=FILE_TYPES, default="csv")
    raw = serializers.BooleanField(
        default=False,
        help_text="CSV only, for editors: cells that spreadsheets take for formulas stay as they are.",
    )


class DatasetVersionAtRequestSerializer(serializers.Serializer[Any]):
    """A moment, or a number."""

    time = serializers.CharField(
        required=False, help_text="ISO 8601, a date or a moment; UTC without a zone."
    )
    number = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require one of the two."""
        if ("time" in attrs) == ("number" in attrs):
            raise serializers.ValidationError({"time": "Name a time or a number, one of them."})
        return attrs


class SqlRequestSerializer(serializers.Serializer[Any]):
    """A statement."""

    query = serializers.CharField(
        max_length=MOST_CHARACTERS,
        trim_whitespace=False,
        help_text=(
            "One SELECT (or WITH, VALUES, DESCRIBE, SUMMARIZE, EXPLAIN). Tables: a dataset's name for its newest "
            'ready version, "name@3" for version 3, "name@2026-01-31" for the newest at that moment, '
            '"project/name" for a dataset that another project shares.'
        ),
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=1_000_000, help_text="Rows to return at most."
    )


class SqlColumnSerializer(serializers.Serializer[Any]):
    """A column of a result."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="In the engine's words, e.g. BIGINT, DOUBLE, VARCHAR.")


class SqlResultSerializer(serializers.Serializer[Any]):
    """What a statement gave."""

    columns = SqlColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(),
        help_text=(
            "Values in the order of columns. Whole numbers beyond 64 bits and decimals are text, and so "
            "are NaN and Infinity; text is cut after 10,000 characters."
        ),
    )
    truncated = serializers.BooleanField(
        source="is_truncated", help_text="Whether there were more rows."
    )
    tables = serializers.ListField(child=serializers.CharField())
    seconds = serializers.FloatField()


class SqlTableSerializer(serializers.Serializer[Any]):
    """A table that a statement can name."""

    name = serializers.CharField(help_text="Put it in double quotes in SQL.")
    dataset = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Number of the newest ready version.")
    row_count = serializers.IntegerField()

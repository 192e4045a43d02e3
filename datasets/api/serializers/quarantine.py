"""Quarantined rows on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class QuarantineRequestSerializer(serializers.Serializer[Any]):
    """Which of the rows to look at."""

    offset = serializers.IntegerField(min_value=0, max_value=2**53, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class QuarantinedRowSerializer(serializers.Serializer[Any]):
    """A row that could not be read."""

    row = serializers.IntegerField(help_text="Its number in the file; a header is row 1.")
    column = serializers.CharField(help_text="The column that is wrong; empty for the whole row.")
    reason = serializers.CharField()
    raw = serializers.CharField(help_text="The row as it was, cut after 1,000 characters.")


class QuarantineSerializer(serializers.Serializer[Any]):
    """A stretch of the rows that were put aside for a version."""

    offset = serializers.IntegerField()
    quarantined_rows = serializers.IntegerField(help_text="All rows that were put aside.")
    rows = QuarantinedRowSerializer(many=True)

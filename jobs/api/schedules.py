"""Schedules on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.schedule import PERIODS, Schedule, UnreadableScheduleError, parse_schedule


class ScheduleSerializer(serializers.Serializer[Any]):
    """Either ``crontab`` (with ``timezone``) or ``every`` with ``period``."""

    crontab = serializers.CharField(
        required=False, help_text="minute hour day month weekday, e.g. '0 3 * * *'"
    )
    timezone = serializers.CharField(required=False, help_text="Of the crontab; UTC by default.")
    every = serializers.IntegerField(required=False, min_value=1, max_value=10_000)
    period = serializers.ChoiceField(choices=PERIODS, required=False)

    def to_internal_value(self, data: Any) -> Schedule:
        """Return the schedule itself, so that nothing half-valid goes further."""
        values: dict[str, Any] = super().to_internal_value(data)
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({unknown[0]: "This is no part of a schedule."})
        try:
            return parse_schedule(values)
        except UnreadableScheduleError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, instance: Schedule) -> dict[str, Any]:
        """Return the spelling that is also read."""
        return instance.to_dict()

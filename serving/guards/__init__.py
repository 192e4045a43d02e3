"""Whether a version does harm: two versions' traffic in the same window, measured and judged."""

from __future__ import annotations

from serving.guards.judgement import Guard, Judged, Limits, judge, level_of_look
from serving.guards.measures import Seen, quantile

__all__ = ["Guard", "Judged", "Limits", "Seen", "judge", "level_of_look", "quantile"]

"""Named refusals of the monitoring room."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid


class WindowRefused(Invalid):
    """The window of a report has no length, or lies in the future."""

    code = "window_refused"
    title = "This window cannot be looked at"


class ReferenceMissing(Conflict):
    """The model version has no training reference to compare with."""

    code = "reference_missing"
    title = "There is nothing to compare with"


class IllegalAlertMove(IllegalMove):
    """The alert's state machine does not know this move."""

    code = "illegal_alert_move"
    title = "The alert cannot make this move"


class TooManyLabels(Invalid):
    """More labels were sent at once than are taken at once."""

    code = "too_many_labels"
    title = "Too many labels at once"


class TrafficUnusable(Invalid):
    """Labelled predictions cannot be made rows of a dataset."""

    code = "traffic_unusable"
    title = "The traffic of the endpoint cannot be used as data"

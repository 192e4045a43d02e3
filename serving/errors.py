"""Named refusals of the serving room."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid, NotFound, TooMany, Unavailable


class EndpointUnknown(NotFound):
    """The project has no endpoint of this name."""

    code = "endpoint_unknown"
    title = "There is no such endpoint"


class VersionNotServed(NotFound):
    """The version or alias that was addressed does not answer at this endpoint."""

    code = "version_not_served"
    title = "This version does not answer here"


class EndpointNameTaken(Conflict):
    """The project has an endpoint of this name."""

    code = "endpoint_name_taken"
    title = "There is an endpoint of this name"


class NoChampion(Conflict):
    """The model has no champion that an endpoint could serve."""

    code = "no_champion"
    title = "The model has no champion"


class EndpointStopped(Conflict):
    """The endpoint was stopped by somebody."""

    code = "endpoint_stopped"
    title = "The endpoint is stopped"


class NotExplainable(Conflict):
    """What answers cannot say why."""

    code = "not_explainable"
    title = "The answer cannot be explained"


class EndpointNotReady(Unavailable):
    """The endpoint's model is not loaded yet, or cannot be."""

    code = "endpoint_not_ready"
    title = "The endpoint is not ready"


class TooManyAtOnce(Unavailable):
    """As many predictions as allowed are being made by one process."""

    code = "too_many_at_once"
    title = "Too many predictions at the same time"


class IllegalEndpointMove(IllegalMove):
    """The endpoint's state machine does not know this move."""

    code = "illegal_endpoint_move"
    title = "The endpoint cannot make this move"


class ModelNotUsable(Conflict):
    """The model version may not compute answers: it is not ready, or was put aside."""

    code = "model_not_usable"
    title = "The model version cannot be used"


class ColumnsDoNotFit(Invalid):
    """The rows lack columns that the model takes, or have them in another type."""

    code = "columns_do_not_fit"
    title = "The columns do not fit the model"


class OutputRefused(Invalid):
    """The answers cannot be kept in this dataset."""

    code = "output_refused"
    title = "The answers cannot be kept there"


class IllegalRolloutMove(IllegalMove):
    """The rollout's state machine does not know this move."""

    code = "illegal_rollout_move"
    title = "The rollout cannot make this move"


class RolloutUnderWay(Conflict):
    """Another rollout of the endpoint has not ended yet, or holds what was to be changed."""

    code = "rollout_under_way"
    title = "A rollout is under way"


class AtWorkAlready(Conflict):
    """The version answers at the endpoint already."""

    code = "at_work_already"
    title = "The version is at work already"


class VersionNotDeployable(Conflict):
    """The version is not ready, or belongs to another model."""

    code = "version_not_deployable"
    title = "The version cannot be deployed"


class NothingToFallBackTo(Conflict):
    """The model has no previous version, or the endpoint no constant answer."""

    code = "nothing_to_fall_back_to"
    title = "There is nothing to fall back to"


class RateExceeded(TooMany):
    """The caller asks more often than it may."""

    code = "rate_exceeded"
    title = "Too many requests by this caller"


class TookTooLong(Unavailable):
    """The answer was not there within the time that a request may take."""

    code = "took_too_long"
    title = "The prediction took too long"


class ExportUnderWay(Conflict):
    """A job is making the export."""

    code = "export_under_way"
    title = "The export is being made"


class IllegalExportMove(IllegalMove):
    """An export's state machine does not know this move."""

    code = "illegal_export_move"
    title = "The export cannot make this move"


class ExportNotReady(Conflict):
    """The archive is not made yet, or could not be made."""

    code = "export_not_ready"
    title = "There is no archive to download"


class ExportNotPossible(Invalid):
    """The version cannot be exported in this form."""

    code = "export_not_possible"
    title = "The version cannot be exported in this form"


class ExportDisproved(Invalid):
    """The archive was made and tried, and does not do what the site does."""

    code = "export_disproved"
    title = "The archive did not pass its smoke test"

"""Named refusals of the experiments room."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid


class IllegalRunMove(IllegalMove):
    """The run's state machine does not know this move."""

    code = "illegal_run_move"
    title = "The run cannot make this move"


class ParamChanged(Conflict):
    """A parameter was logged again with another value."""

    code = "param_changed"
    title = "A parameter is written once"


class ArtifactPathRefused(Invalid):
    """The path of an artifact tries to leave its run."""

    code = "artifact_path_refused"
    title = "This path cannot be used"

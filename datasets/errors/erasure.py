"""Refusals of erasures."""

from __future__ import annotations

from core.errors import Conflict, Forbidden, IllegalMove, Invalid, Unavailable


class IllegalErasureMove(IllegalMove):
    """The status of an erasure does not allow what was asked for."""

    code = "illegal_erasure_move"
    title = "The erasure cannot do this in its present state"


class ErasureUnderWay(Conflict):
    """The subject's erasure was asked for already."""

    code = "erasure_under_way"
    title = "An erasure of this subject is under way"


class SubjectDiffers(Invalid):
    """The second person named somebody else than the first one."""

    code = "subject_differs"
    title = "This is not the subject of the request"


class NoSubjectKey(Invalid):
    """No dataset has a column that could hold the subject's key."""

    code = "no_subject_key"
    title = "No column holds the subject's key"


class OtherPersonNeeded(Forbidden):
    """Who asked for an erasure cannot confirm it."""

    code = "other_person_needed"
    title = "A second person must confirm an erasure"


class ErasureMustWait(Unavailable):
    """Rows are on their way to a place from which they are about to be erased."""

    code = "erasure_must_wait"
    title = "Rows are being written just now"


class SubjectRemains(Unavailable):
    """After the erasure rows of the subject are still found."""

    code = "subject_remains"
    title = "Rows of the subject were found after the erasure"


class RowsMoved(Conflict):
    """Rows of a dataset were erased while others were being written to it."""

    code = "rows_moved"
    title = "Rows of the dataset were erased meanwhile"

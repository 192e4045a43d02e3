"""Refusals of sharing between projects."""

from __future__ import annotations

from core.errors import Conflict, Forbidden, NotFound


class DatasetNotShared(NotFound):
    """The dataset is another project's, and not shared with the caller's (any more)."""

    code = "dataset_not_shared"
    title = "There is no such dataset, or it is no longer shared"


class GrantNotEnough(Forbidden):
    """The dataset of another project is shared, but not for what was asked."""

    code = "grant_not_enough"
    title = "The dataset is not shared for this"


class GrantRefused(Conflict):
    """A dataset cannot be shared with that project, or not any more."""

    code = "grant_refused"
    title = "The dataset cannot be shared like this"


class GrantEnded(Conflict):
    """The grant was revoked before."""

    code = "grant_ended"
    title = "The grant has ended already"

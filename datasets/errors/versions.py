"""Refusals of datasets, their versions, comparisons and retention."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid, NotFound


class NameTaken(Conflict):
    """Another dataset of the project has that name."""

    code = "dataset_name_taken"
    title = "There is a dataset with this name already"


class IllegalVersionMove(IllegalMove):
    """The status of a version does not allow what was asked for."""

    code = "illegal_dataset_version_move"
    title = "The dataset version cannot do this in its present state"


class AppendOvertaken(Conflict):
    """While rows were being appended to a version, another one took its place."""

    code = "append_overtaken"
    title = "Another version came first"


class DatasetInUse(Conflict):
    """Something still points at the dataset or one of its versions."""

    code = "dataset_in_use"
    title = "The dataset is in use"


class VersionNotReady(Conflict):
    """The rows of a version are asked for before (or without) being there."""

    code = "dataset_version_not_ready"
    title = "The dataset version is not ready"


class NotComparable(Invalid):
    """Two versions, or the key that was chosen, do not go together."""

    code = "not_comparable"
    title = "The versions cannot be compared like this"


class IllegalComparisonMove(IllegalMove):
    """The status of a comparison does not allow what was asked for."""

    code = "illegal_comparison_move"
    title = "The comparison cannot do this in its present state"


class NoRetentionPolicy(NotFound):
    """A dataset without a retention policy is asked for it, or to follow it."""

    code = "no_retention_policy"
    title = "The dataset has no retention policy"

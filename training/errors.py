"""Named refusals of the training room."""

from __future__ import annotations

from core.errors import Conflict, Invalid


class TargetRefused(Invalid):
    """The target is missing from the data, or cannot be learnt."""

    code = "target_refused"
    title = "The target cannot be used"


class FeaturesRefused(Invalid):
    """A feature is not in the data, or nothing is left to learn from."""

    code = "features_refused"
    title = "The features cannot be used"


class EstimatorUnknown(Invalid):
    """The catalogue has no such estimator for the task."""

    code = "estimator_unknown"
    title = "This estimator does not exist"


class HyperparameterRefused(Invalid):
    """A hyper-parameter is unknown, of the wrong type or out of range."""

    code = "hyperparameter_refused"
    title = "The hyper-parameters cannot be used"


class NotEnoughRows(Invalid):
    """There are too few rows to learn from and to test on."""

    code = "not_enough_rows"
    title = "There are not enough rows"


class DataNotReady(Conflict):
    """The dataset version is not ready."""

    code = "data_not_ready"
    title = "The dataset version is not ready"


class SplitRefused(Invalid):
    """The split policy is not valid, or the rows cannot be split that way."""

    code = "split_refused"
    title = "The rows cannot be split like this"

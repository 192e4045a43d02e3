"""Refusals of the retraining room."""

from __future__ import annotations

from core.errors import Conflict, Invalid


class PolicyExists(Conflict):
    """An endpoint has one retrain policy at most."""

    code = "retrain_policy_exists"
    title = "The endpoint has a retrain policy already"


class ModelNotJudgeable(Invalid):
    """No right answers can say whether a challenger of this model is better."""

    code = "model_not_judgeable"
    title = "The endpoint's model cannot be retrained by a policy"


class PolicyHasDecisions(Conflict):
    """Decisions are evidence; the policy that they belong to stays."""

    code = "retrain_policy_has_decisions"
    title = "The policy has decisions and cannot be deleted"


class RetrainingUnderWay(Conflict):
    """One retraining of an endpoint at a time: two would spend the same share of the budget."""

    code = "retraining_under_way"
    title = "A retraining of this endpoint is under way"


class NothingToRetrain(Conflict):
    """There is no champion, or it was not trained here from a dataset version."""

    code = "nothing_to_retrain"
    title = "The endpoint's champion cannot be trained again"


class LabelledRowsUnusable(Invalid):
    """Labels or features of production do not fit the champion's training data."""

    code = "labelled_rows_unusable"
    title = "The labelled rows do not fit the training data"

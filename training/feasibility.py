"""Whether a recipe and a split policy fit the data, as far as schema and profile tell before the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import FieldError
from datasets.errors import RecipeRefused
from datasets.models import DatasetVersion, RecipeRevision
from datasets.recipes import build_steps, kinds_of_types, plan_of
from datasets.recipes.steps.target_encoding import TargetEncoding
from datasets.schema import Role
from training.errors import SplitRefused
from training.splits import SplitPolicy
from training.splits.grouped import FEWEST_GROUPS

#: A timestamp with fewer distinct values does not order rows well enough to be split by unasked.
_FEWEST_MOMENTS = 10


def check_recipe(
    revision: RecipeRevision,
    features: Sequence[str],
    types: Mapping[str, str],
    *,
    has_target: bool = True,
) -> None:
    """Raise unless the steps of a revision fit the features.

    Parameters
    ----------
    has_target
        Whether there is a target that a step may look at.

    Raises
    ------
    RecipeRefused
        Naming the step, as ``recipe.steps[2].columns``.
    """
    if not has_target:
        _refuse_target_encoding(revision)
    kinds = kinds_of_types({name: types[name] for name in features})
    try:
        plan_of(build_steps(revision.steps), kinds)
    except RecipeRefused as refusal:
        raise RecipeRefused(
            f"{revision}: {refusal.message}",
            errors=[FieldError(f"recipe.{one.field}", one.message) for one in refusal.errors],
        ) from None


def _refuse_target_encoding(revision: RecipeRevision) -> None:
    """Raise where a recipe would look at true answers, which anomalies are not learnt from."""
    for at, step in enumerate(revision.steps):
        if step["kind"] == TargetEncoding.kind:
            raise RecipeRefused(
                f"{revision}: anomalies are not learnt from a target that could be encoded.",
                field=f"recipe.steps[{at}]",
            )


def chosen_split(
    version: DatasetVersion,
    asked: Mapping[str, Any] | None,
    *,
    target: str,
    is_classification: bool,
) -> SplitPolicy | None:
    """Return how the rows are to be split; None for the default where no time orders them.

    Without a wish, rows are split by time when a column has the role of the timestamp, is never null and says
    at least ten different moments.

    Raises
    ------
    SplitRefused
        The policy is not valid, or the data cannot be split that way.
    """
    if not asked:
        return _by_default(version, target)
    policy = SplitPolicy.from_dict(asked)
    if policy.policy == "stratified":
        _check_classes(version, target, is_classification)
    if not policy.column:
        return policy
    columns = {one["name"]: one for one in version.schema["columns"]}
    if policy.column not in columns:
        raise SplitRefused(f"The data has no column '{policy.column}'.", field="split.column")
    if policy.column == target:
        raise SplitRefused("The target cannot order or group the rows.", field="split.column")
    profile = _profile(version, policy.column)
    if policy.policy == "time":
        _check_time(policy, columns[policy.column], profile)
    else:
        distinct = profile.get("distinct")
        if isinstance(distinct, int) and distinct < FEWEST_GROUPS and not profile.get("nulls"):
            raise SplitRefused(
                f"'{policy.column}' has {distinct} group(s); at least {FEWEST_GROUPS} are needed.",
                field="split.column",
            )
    return policy


def _by_default(version: DatasetVersion, target: str) -> SplitPolicy | None:
    for column in version.schema["columns"]:
        is_time = column["type"] == "timestamp" and column.get("role") == Role.TIMESTAMP
        if is_time and column["name"] != target and not column.get("nullable", True):
            distinct = _profile(version, column["name"]).get("distinct")
            if isinstance(distinct, int) and distinct >= _FEWEST_MOMENTS:
                return SplitPolicy("time", column["name"])
    return None


def _check_time(policy: SplitPolicy, column: Mapping[str, Any], profile: Mapping[str, Any]) -> None:
    if column["type"] != "timestamp":
        raise SplitRefused(
            f"'{policy.column}' is {column['type']}; time is told by a timestamp.",
            field="split.column",
        )
    nulls = profile.get("nulls") or 0
    if nulls:
        raise SplitRefused(
            f"'{policy.column}' is missing in {nulls:,} rows; time cannot order them.",
            field="split.column",
        )
    if profile.get("distinct") == 1:
        raise SplitRefused(
            "All rows have the same moment; time cannot part them.", field="split.column"
        )


def _check_classes(version: DatasetVersion, target: str, is_classification: bool) -> None:
    if not is_classification:
        raise SplitRefused("Numbers have no classes to keep in shares.", field="split.policy")
    profile = _profile(version, target)
    top = profile.get("top") or []
    if len(top) == profile.get("distinct"):
        small = min(top, key=lambda one: int(one["count"]), default=None)
        if small is not None and small["count"] < 2:
            raise SplitRefused(
                f"The class '{small['value']}' has one row only: it cannot be on both sides.",
                field="split.policy",
            )


def _profile(version: DatasetVersion, name: str) -> Mapping[str, Any]:
    for column in version.profile.get("columns", []):
        if column.get("name") == name:
            found: Mapping[str, Any] = column
            return found
    return {}

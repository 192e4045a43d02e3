"""From what was written to steps that fit their columns."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.errors import FieldError
from datasets.errors import RecipeRefused
from datasets.recipes.parameters import ParameterProblem
from datasets.recipes.plan import Plan, StepProblem
from datasets.recipes.steps import STEP_KINDS, Step
from datasets.recipes.steps.formulas import Expression
from datasets.recipes.values import Kind

MOST_STEPS = 50
#: A recipe makes no more columns than this.
MOST_COLUMNS = 5_000
#: Steps that pass columns on without a look at their values, and the parameter that names them.
_PASSING = {"select": "columns", "drop": "columns", "rename": "names"}


def checked_steps(written: Any) -> list[dict[str, Any]]:
    """Return steps in their plain form, with every default written out.

    Raises
    ------
    RecipeRefused
        Listing what is wrong with each of them, as ``steps[2].columns``.
    """
    if not isinstance(written, list | tuple) or not written:
        raise RecipeRefused("Write the steps as a list with one at least.", field="steps")
    if len(written) > MOST_STEPS:
        raise RecipeRefused(f"A recipe has at most {MOST_STEPS} steps.", field="steps")
    errors: list[FieldError] = []
    found = [_checked(one, f"steps[{position}]", errors) for position, one in enumerate(written)]
    if errors:
        raise _refusal(errors)
    return found


def build_steps(written: Any) -> list[Step]:
    """Return steps, unfitted.

    Raises
    ------
    RecipeRefused
        As :func:`checked_steps`.
    """
    steps = []
    for one in checked_steps(written):
        params = {name: value for name, value in one.items() if name != "kind"}
        steps.append(STEP_KINDS[one["kind"]](**params))
    return steps


def plan_of(steps: Sequence[Step], kinds: Mapping[str, Kind]) -> Plan:
    """Return the columns after steps, over columns of these kinds.

    Raises
    ------
    RecipeRefused
        A step does not fit the columns that it meets.
    """
    return plans_of(steps, kinds)[-1]


def plans_of(steps: Sequence[Step], kinds: Mapping[str, Kind]) -> list[Plan]:
    """Return the columns before the first step and after each.

    Raises
    ------
    RecipeRefused
        As :func:`plan_of`.
    """
    plans = [Plan.of(kinds)]
    for position, step in enumerate(steps):
        try:
            after = step.plan(plans[-1], position)
        except StepProblem as problem:
            field = f"steps[{position}].{problem.parameter}"
            raise _refusal([FieldError(field, problem.message)]) from None
        if len(after.columns) > MOST_COLUMNS:
            field = f"steps[{position}]"
            raise _refusal([FieldError(field, f"makes more than {MOST_COLUMNS:,} columns")])
        plans.append(after)
    return plans


def columns_at(
    written: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]
) -> list[dict[str, Kind]]:
    """Return the columns that each step meets, as far as they can be known before the steps are complete.

    A step that is not valid (yet) is passed over: the next one meets what it would have met.
    """
    plan = Plan.of(kinds)
    met = []
    for position, one in enumerate(written):
        met.append({name: column.kind for name, column in plan.columns.items()})
        try:
            plan = build_steps([one])[0].plan(plan, position)
        except (RecipeRefused, StepProblem):
            continue
    return met


def needed_columns(steps: Sequence[Step], kinds: Mapping[str, Kind]) -> frozenset[str]:
    """Return the columns of the data that the steps look at or that reach the end.

    Raises
    ------
    RecipeRefused
        As :func:`plan_of`.
    """
    plans = plans_of(steps, kinds)
    needed: set[str] = set()
    for step, before in zip(steps, plans, strict=False):
        for name in step.reads():
            needed |= before.find(name, "columns").sources
    for one in (*plans[-1].columns.values(), *plans[-1].families.values()):
        if one.kind is not Kind.MOMENT:
            needed |= one.sources
    return frozenset(needed)


def read_columns(steps: Sequence[Step], kinds: Mapping[str, Kind]) -> frozenset[str]:
    """Return the columns of the data whose values a step looks at."""
    plans = plans_of(steps, kinds)
    found: set[str] = set()
    for step, before in zip(steps, plans, strict=False):
        for name in step.reads():
            found |= before.find(name, "columns").sources
    return frozenset(found)


def steps_for(
    written: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], available: Collection[str]
) -> list[dict[str, Any]]:
    """Return the steps as they are for rows that have only some columns of the data.

    Steps that choose, drop or rename columns forget those that are not there; what is left without any
    column goes. Steps that look at values must have all of theirs (:func:`read_columns`).
    """
    checked = checked_steps(written)
    plans = plans_of(build_steps(checked), kinds)
    found = []
    for one, before in zip(checked, plans, strict=False):
        names = _PASSING.get(one["kind"])
        if names is None:
            found.append(one)
            continue
        kept = [
            name for name in one[names] if before.find(name, names).sources <= frozenset(available)
        ]
        if kept:
            value = {old: one[names][old] for old in kept} if names == "names" else kept
            found.append({**one, names: value})
    return found


def _refusal(errors: Sequence[FieldError]) -> RecipeRefused:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return RecipeRefused(f"{first.field}: {first.message}{more}", errors=errors)


def _checked(one: Any, field: str, errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        errors.append(FieldError(field, 'must be an object, such as {"kind": "fill", …}'))
        return {}
    kind = one.get("kind")
    step = STEP_KINDS.get(kind) if isinstance(kind, str) else None
    if step is None:
        errors.append(FieldError(f"{field}.kind", f"must be one of {', '.join(STEP_KINDS)}"))
        return {}
    known = {parameter.name: parameter for parameter in step.parameters}
    for name in one:
        if name not in known and name != "kind":
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            errors.append(FieldError(f"{field}.{name}"[:200], f"is not known to {kind}; {hint}"))
    found: dict[str, Any] = {"kind": step.kind}
    complaints = len(errors)
    for name, parameter in known.items():
        if name not in one:
            if parameter.is_required:
                errors.append(FieldError(f"{field}.{name}", "is missing"))
            else:
                found[name] = parameter.default
            continue
        try:
            found[name] = parameter.checked(one[name])
        except ParameterProblem as problem:
            errors.append(FieldError(f"{field}.{name}", str(problem)))
    if step is Expression and len(errors) == complaints:
        _check_formula(found["formula"], field, errors)
    return found


def _check_formula(formula: str, field: str, errors: list[FieldError]) -> None:
    from datasets.recipes.expressions import ExpressionError, parse

    try:
        parse(formula)
    except ExpressionError as error:
        errors.append(FieldError(f"{field}.formula", str(error)))

"""What a recipe would do to a sample of a dataset version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import FieldError, Invalid
from datasets import lake
from datasets.errors import RecipeRefused
from datasets.models import DatasetVersion
from datasets.recipes import Step, Values, build_steps
from datasets.recipes.plan import Plan, StepProblem
from datasets.recipes.values import kinds_of, values_of

#: Steps are fitted on so many rows, the first ones.
SAMPLE_ROWS = 1_000
MOST_ROWS = 100
_SHOWN_CHARACTERS = 200
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column before or after the steps.

    Attributes
    ----------
    step
        Position (from 0) of the step that made or last changed it; None for a column of the data.
    """

    name: str
    kind: str
    step: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """Columns and rows, on one side of the recipe."""

    columns: list[PreviewColumn]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step went.

    Attributes
    ----------
    status
        ``done``, ``failed``, or ``not_reached`` after one that failed.
    made
        The columns that it made or changed, and how many columns there were after it.
    """

    position: int
    kind: str
    status: str
    errors: list[FieldError]
    made: list[str]
    columns_after: int | None


@dataclass(frozen=True, slots=True)
class RecipePreview:
    """A sample before and after; ``after`` is that of the last step that went well."""

    sample_rows: int
    before: Side
    after: Side
    steps: list[StepOutcome]

    @property
    def sides(self) -> list[tuple[str, Side]]:
        """Both sides with their headings."""
        return [("Before", self.before), ("After", self.after)]

    @property
    def is_complete(self) -> bool:
        """Whether every step went well."""
        return all(one.status == "done" for one in self.steps)


def preview_recipe(
    version: DatasetVersion,
    written: Sequence[Mapping[str, Any]],
    *,
    target: str = "",
    rows: int = 20,
) -> RecipePreview:
    """Fit the steps on the first rows of a version, and show some of them before and after.

    The rows are shown as production rows would be answered: encoded by all rows of the sample.

    Parameters
    ----------
    target
        The column to be predicted: no step sees it, and target encoding learns from it.

    Raises
    ------
    RecipeRefused
        The steps are not valid in themselves.
    Invalid
        The version has no such target.
    VersionNotReady
        The version has no rows (yet).
    """
    steps = build_steps(written)
    table = lake.preview(version, offset=0, limit=SAMPLE_ROWS)
    if target and target not in table.schema.names:
        raise Invalid(f"The data has no column {target!r}.", field="target")
    moments = [
        column["name"] for column in version.schema["columns"] if column["type"] == "timestamp"
    ]
    frame = table.to_pandas()
    answers = None
    if target:
        known = frame[target].notna()
        frame = frame[known].reset_index(drop=True)
        answers = np.array(frame.pop(target).tolist())
    values = values_of(frame)
    plan = Plan.of(kinds_of(values, [name for name in moments if name != target]))
    before = _side(values, plan, rows)
    outcomes: list[StepOutcome] = []
    failed = False
    for position, step in enumerate(steps):
        if failed:
            outcomes.append(StepOutcome(position, step.kind, "not_reached", [], [], None))
            continue
        try:
            values, plan = _taken(step, values, answers, plan, position)
        except RecipeRefused as refusal:
            failed = True
            outcomes.append(
                StepOutcome(position, step.kind, "failed", list(refusal.errors), [], None)
            )
        else:
            made = [name for name in values.columns if _step_of(plan, name) == position]
            outcomes.append(StepOutcome(position, step.kind, "done", [], made, len(values.columns)))
    return RecipePreview(len(frame), before, _side(values, plan, rows), outcomes)


def _taken(
    step: Step, values: Values, target: Any, plan: Plan, position: int
) -> tuple[Values, Plan]:
    parameter, message = "columns", ""
    try:
        after = step.plan(plan, position)
        return step.fit_values(values, target).apply(values), after
    except StepProblem as problem:
        parameter, message = problem.parameter, problem.message
    except KeyError as error:
        message = f"there is no column {error} in the sample"
    field = f"steps[{position}].{parameter}"
    raise RecipeRefused(f"{field}: {message}", errors=[FieldError(field, message)])


def _step_of(plan: Plan, name: str) -> int | None:
    return plan.find(name, "columns").step


def _side(values: Values, plan: Plan, rows: int) -> Side:
    columns = [
        PreviewColumn(name, plan.find(name, "columns").kind.value, _step_of(plan, name))
        for name in values.columns
    ]
    shown = values.take(slice(0, min(rows, MOST_ROWS)))
    lists = [[_shown(value) for value in shown.columns[column.name].tolist()] for column in columns]
    return Side(columns, [list(row) for row in zip(*lists, strict=True)])


def _shown(value: float | str) -> Any:
    if isinstance(value, str):
        if len(value) > _SHOWN_CHARACTERS:
            return value[: _SHOWN_CHARACTERS - 1] + "…"
        return value or None
    if not np.isfinite(value):
        return None
    return (
        int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.{_DIGITS}g}")
    )

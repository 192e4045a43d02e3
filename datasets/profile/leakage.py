"""Columns that know the target better than a feature should.

A *leak* is a column that would not be known, or not in this form, at the moment of prediction. No
measurement can prove one; these point at columns that a person should look at, with the reason:

``copy``
    The column is the target again, under other names for its values.
``part_of_target``
    Two to four numeric columns add up (with fixed weights) to a numeric target.
``near_certain``
    The column alone has a skill of 0.95 or more.
``stands_out``
    The column alone has a high skill (0.5 for classes, an ROC AUC of 0.75; 0.64 for numbers, a
    correlation of 0.8), and at least 1.5 times that of the next best column; or two or three columns
    do so together, with at least three ordinary ones left to compare with.
``missing_tells``
    Whether the column has a value at all has a skill of 0.5 or more.
``identifier``
    The column tells rows apart instead of describing them; a model can learn rows by heart.

*Skill* is what :mod:`datasets.profile.skill` measures: 0 is no better than chance, 1 is perfect.

Why these thresholds: honest columns of public data sets stay below them (breast cancer's best
0.93, iris' 0.94, both with another column close behind; bike sharing's hour 0.50), known leaks do not
(bank marketing's call duration 0.61 before 0.31; bike sharing's registered users).

References
----------
Kaufman, Rosset, Perlich, Stitelman: Leakage in data mining: formulation, detection, and avoidance.
ACM Transactions on Knowledge Discovery from Data 6 (2012), 15.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from datasets.profile.sample import Floats, SampledColumn
from datasets.profile.skill import FOLDS, Outcome, places_of
from datasets.profile.target import MOST_CLASSES, Target, Task
from datasets.schema import Role

NEAR_CERTAIN = 0.95
STANDS_OUT: Mapping[str, float] = {"classification": 0.5, "regression": 0.64}
TIMES_THE_NEXT = 1.5
MISSING_TELLS = 0.5
FEWEST_ROWS = 100
FEWEST_OTHERS = 3
_EXACT = 1e-4
_MOST_OUTSTANDING = 3
_PARTS = 4


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column to look at, and why."""

    column: str
    reason: str
    message: str
    skill: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the suspect as JSON-compatible, finite values."""
        skill = None if self.skill is None else round(self.skill, 4)
        return {
            "column": self.column,
            "reason": self.reason,
            "message": self.message,
            "skill": skill,
        }


@dataclass(frozen=True, slots=True)
class Leakage:
    """What was found against one target.

    Attributes
    ----------
    verdict
        ``measured``, or why not: ``too_few_rows``, ``too_many_classes``, ``one_class``.
    skills
        Each candidate's skill, the best first.
    """

    verdict: str
    rows: int
    task: Task | None = None
    skills: tuple[tuple[str, float], ...] = ()
    suspects: tuple[Suspect, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "verdict": self.verdict,
            "rows": self.rows,
            "task": self.task,
            "skills": [{"column": name, "skill": round(skill, 4)} for name, skill in self.skills],
            "suspects": [suspect.to_dict() for suspect in self.suspects],
        }


def leakage(
    columns: Sequence[SampledColumn],
    target: Target,
    *,
    identifiers: Collection[str],
    generator: np.random.Generator,
) -> Leakage:
    """Measure each candidate's skill at the target, and name the suspects.

    Candidates are the columns whose role is *feature*: what is an identifier, a timestamp or ignored
    does not reach a model.

    Parameters
    ----------
    identifiers
        Columns that look like identifiers (:mod:`datasets.profile.findings`).
    generator
        Draws the folds.
    """
    rows = len(target.values)
    if rows < FEWEST_ROWS:
        return Leakage("too_few_rows", rows)
    if target.task == "classification" and len(target.classes) > MOST_CLASSES:
        return Leakage("too_many_classes", rows, target.task)
    if len(np.unique(target.values)) < 2:
        return Leakage("one_class", rows, target.task)
    candidates = [
        column
        for column in columns
        if column.name != target.name and column.column.role is Role.FEATURE
    ]
    fold = generator.permutation(rows) % FOLDS
    outcome = Outcome(target, fold)
    skills: dict[str, float] = {}
    suspects: list[Suspect] = []
    for column in candidates:
        skills[column.name] = outcome.skill(places_of(column, target.rows))
        suspects.extend(_alone(column, target, outcome, skills[column.name]))
    suspects.extend(_parts(candidates, target, {one.column for one in suspects}))
    for column in candidates:
        if column.name in identifiers and column.name not in {one.column for one in suspects}:
            suspects.append(
                Suspect(
                    column.name,
                    "identifier",
                    "It tells rows apart instead of describing them. Give it the role identifier.",
                    skills[column.name],
                )
            )
    best = sorted(skills.items(), key=lambda item: -item[1])
    suspects.extend(_outstanding(best, target.task, {one.column for one in suspects}))
    suspects.sort(key=lambda one: -(one.skill or 0.0))
    return Leakage("measured", rows, target.task, tuple(best), tuple(suspects))


def _alone(column: SampledColumn, target: Target, outcome: Outcome, skill: float) -> list[Suspect]:
    missing = column.missing[target.rows]
    if _is_copy(column, target):
        text = f"Each of its values stands for one value of {target.name}, and the other way round."
        return [Suspect(column.name, "copy", text, skill)]
    if 0 < missing.sum() < len(missing):
        told = outcome.skill(missing.astype(np.int64))
        if told >= MISSING_TELLS:
            text = (
                f"Whether it has a value tells {target.name} (skill {told:.2f}): it may be filled "
                "in only after the outcome is known."
            )
            return [Suspect(column.name, "missing_tells", text, told)]
    if skill >= NEAR_CERTAIN:
        text = (
            f"Alone it predicts {target.name} almost without error ({_said(skill, target.task)})."
        )
        return [Suspect(column.name, "near_certain", text, skill)]
    return []


def _is_copy(column: SampledColumn, target: Target) -> bool:
    missing = column.missing[target.rows]
    if missing.any():
        return False
    if target.task == "regression":
        return column.numbers is not None and bool(
            np.array_equal(column.numbers[target.rows], target.values)
        )
    if column.codes is not None:
        codes = column.codes[target.rows]
    else:
        assert column.numbers is not None
        values, codes = np.unique(column.numbers[target.rows], return_inverse=True)
        if len(values) > MOST_CLASSES:
            return False
    classes = target.values.astype(np.int64)
    pairs = len(np.unique(codes * (int(classes.max()) + 1) + classes))
    return pairs == len(np.unique(codes)) == len(np.unique(classes))


def _outstanding(
    best: Sequence[tuple[str, float]], task: Task, known: Collection[str]
) -> list[Suspect]:
    """Find up to three columns after which the skills fall steeply; two leaks do not hide each other."""
    others = [(name, skill) for name, skill in best if name not in known]
    for count in range(min(_MOST_OUTSTANDING, len(others) - FEWEST_OTHERS), 0, -1):
        lowest, following = others[count - 1][1], others[count][1]
        if lowest < STANDS_OUT[task] or lowest < TIMES_THE_NEXT * following:
            continue
        return [
            Suspect(
                name,
                "stands_out",
                f"Alone it predicts far better than ordinary columns ({_said(skill, task)}; the best "
                f"of those has {_said(following, task)}). Is it known before the outcome?",
                skill,
            )
            for name, skill in others[:count]
        ]
    return []


def _said(skill: float, task: Task) -> str:
    return f"ROC AUC {(1 + skill) / 2:.2f}" if task == "classification" else f"R² {skill:.2f}"


def _parts(
    candidates: Sequence[SampledColumn], target: Target, known: Collection[str]
) -> list[Suspect]:
    """Find the smallest set of two to four numeric columns whose weighted sum is the target.

    A set counts when what a linear fit leaves over is below a hundredth of the target's standard
    deviation (a share of 10⁻⁴ of its variance). Sets are searched among the twelve columns that
    correlate most with the target, the smallest sets first.
    """
    if target.task != "regression":
        return []
    numeric = [
        column
        for column in candidates
        if column.numbers is not None
        and column.name not in known
        and not column.missing[target.rows].any()
    ]
    y = _unit(target.values)
    lines = [_unit(column.numbers[target.rows]) for column in numeric if column.numbers is not None]
    usable = [at for at, line in enumerate(lines) if line.any()]
    if len(usable) < 2:
        return []
    x = np.stack([lines[at] for at in usable])
    towards = x @ y
    chosen = np.argsort(-np.abs(towards), kind="stable")[:12]
    gram, towards = x[np.ix_(chosen, np.arange(x.shape[1]))], towards[chosen]
    products = gram @ gram.T
    for size in range(2, _PARTS + 1):
        for places in combinations(range(len(chosen)), size):
            at = list(places)
            try:
                weights = np.linalg.solve(products[np.ix_(at, at)], towards[at])
            except np.linalg.LinAlgError:
                continue
            if 1.0 - float(weights @ towards[at]) > _EXACT:
                continue
            if float(((y - weights @ gram[at]) ** 2).sum()) > _EXACT:
                continue
            names = [numeric[usable[int(chosen[one])]].name for one in at]
            return [
                Suspect(
                    name,
                    "part_of_target",
                    f"{' and '.join(names) if size == 2 else ', '.join(names)} add up to "
                    f"{target.name}, with fixed weights.",
                    1.0,
                )
                for name in names
            ]
    return []


def _unit(values: Floats) -> Floats:
    """Return the values centred, with a sum of squares of 1; zeros when they are all equal."""
    scale = float(np.abs(values).max()) or 1.0
    centred = values / scale
    centred = centred - centred.mean()
    length = float(np.sqrt((centred**2).sum()))
    if length <= 1e-12 * np.sqrt(len(values)):
        return np.zeros(len(values))
    unit: Floats = centred / length
    return unit

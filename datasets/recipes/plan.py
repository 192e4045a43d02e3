"""What columns there are before and after a step, known without any rows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from datasets.recipes.values import Kind


class StepProblem(ValueError):
    """A step does not fit the columns that it meets.

    Parameters
    ----------
    parameter
        The parameter that is to blame.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column as it will be.

    Attributes
    ----------
    sources
        The columns of the data that its values are made from.
    step
        Position of the step that made or last changed it; None for a column of the data itself.
    """

    kind: Kind
    sources: frozenset[str]
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns at one point of a recipe.

    Attributes
    ----------
    families
        Columns whose names are known only from rows: what they all start with (``color=``).
    """

    columns: Mapping[str, PlannedColumn]
    families: Mapping[str, PlannedColumn] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Mapping[str, Kind]) -> Plan:
        """Return the plan of the data itself."""
        return cls({name: PlannedColumn(kind, frozenset({name})) for name, kind in kinds.items()})

    def find(self, name: str, parameter: str) -> PlannedColumn:
        """Return a column.

        Raises
        ------
        StepProblem
            There is none of that name.
        """
        found = self.columns.get(name)
        if found is None:
            found = next(
                (one for start, one in self.families.items() if name.startswith(start)), None
            )
        if found is None:
            near = difflib.get_close_matches(name, self.columns, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise StepProblem(parameter, f"there is no column {name!r} at this step{hint}")
        return found

    def find_of(self, names: Iterable[str], parameter: str, *kinds: Kind) -> list[PlannedColumn]:
        """Return columns that must be of one of these kinds.

        Raises
        ------
        StepProblem
            One is missing, or of another kind.
        """
        found = []
        for name in names:
            one = self.find(name, parameter)
            if one.kind not in kinds:
                wanted = " or ".join(kinds)
                raise StepProblem(parameter, f"{name!r} is {one.kind}, and {wanted} is needed")
            found.append(one)
        return found

    def changed(
        self,
        columns: Mapping[str, PlannedColumn],
        *,
        without: Iterable[str] = (),
        families: Mapping[str, PlannedColumn] | None = None,
    ) -> Plan:
        """Return the plan with columns replaced or added, and less some."""
        kept = {**self.columns, **columns}
        for name in without:
            kept.pop(name, None)
        return Plan(kept, {**self.families, **(families or {})})

    def add_name(self, name: str, parameter: str) -> None:
        """Check that a name is free.

        Raises
        ------
        StepProblem
            A column has it already.
        """
        if name in self.columns or any(name.startswith(start) for start in self.families):
            raise StepProblem(parameter, f"there is a column {name!r} already")

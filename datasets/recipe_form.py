"""The steps of a recipe as a form: one card for each step, with a field for each of its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.errors import FieldError
from datasets.parameter_fields import (
    ColumnsField,
    PairsWidget,
    TicksWidget,
    lines_of,
    number_or_text,
    quoted,
    shown,
    unquoted,
)
from datasets.recipes import STEP_KINDS, Kind, Step, columns_at
from datasets.recipes.describing import description_of
from datasets.recipes.parameters import Parameter
from datasets.recipes.reading import MOST_STEPS

_PLACE = re.compile(r"steps\[(\d+)\](?:\.(\w+))?")


class StepForm(forms.Form):
    """One step. It shows what is written and what is wrong with it; the services judge, not the form.

    Parameters
    ----------
    step
        As it is written so far, of a known kind.
    offered
        The columns that the step meets; empty when nobody has said which data.
    """

    def __init__(
        self, step: Mapping[str, Any], *, position: int, offered: Mapping[str, Kind]
    ) -> None:
        super().__init__(prefix=_prefix(position), use_required_attribute=False)
        self.position = position
        self.kind = STEP_KINDS[step["kind"]]
        self.description = description_of(self.kind)
        for one in self.kind.parameters:
            value = step.get(one.name)
            self.fields[one.name] = _field(one, self.kind, offered, value)
            self.initial[one.name] = _initial(one, value)

    def complain(self, parameter: str, text: str) -> None:
        """Show a complaint beside a parameter, or above all of them."""
        name = parameter if parameter in self.fields else "__all__"
        self.errors.setdefault(name, self.error_class()).append(text)


@dataclass(slots=True)
class Draft:
    """Steps that are being written: complete or not, as fields or as JSON.

    Attributes
    ----------
    text
        The steps as they were typed as JSON; None where they are shown as fields.
    problems
        What is wrong, by place, as ``steps[2].columns``.
    """

    steps: list[Any]
    text: str | None = None
    problems: list[FieldError] = field(default_factory=list)

    @classmethod
    def of(cls, steps: Sequence[Mapping[str, Any]]) -> Draft:
        """Return what an editor begins with: fields, unless a step holds what no field can show."""
        found = [dict(step) for step in steps]
        return cls(found, None if all(map(_can_be_fields, found)) else json_lines(found))

    @classmethod
    def posted(cls, data: QueryDict) -> Draft:
        """Return what was filled in."""
        text = data.get("steps")
        if text is None:
            return cls._of_fields(data)
        try:
            steps = json.loads(text)
        except (ValueError, RecursionError) as error:
            return cls([], text, [FieldError("steps", f"is not JSON: {error}")])
        if not isinstance(steps, list):
            return cls([], text, [FieldError("steps", "must be a list of steps")])
        return cls(steps, text)

    @classmethod
    def _of_fields(cls, data: QueryDict) -> Draft:
        steps: list[Any] = []
        problems: list[FieldError] = []
        while len(steps) <= MOST_STEPS:
            position = len(steps)
            name = data.get(f"{_prefix(position)}-kind")
            if name is None:
                break
            kind = STEP_KINDS.get(name)
            if kind is None:
                problems.append(FieldError(f"steps[{position}].kind", f"{name!r} is not known"))
                steps.append({"kind": name})
                continue
            steps.append(_read_step(kind, data, position, problems))
        is_known = all(step["kind"] in STEP_KINDS for step in steps)
        return cls(steps, None if is_known else json_lines(steps), problems)

    def change(self, wish: str, kind: str = "") -> None:
        """Do what a button of the editor says.

        Parameters
        ----------
        wish
            ``add``, ``remove:2``, ``up:2``, ``down:2``, ``json`` or ``fields``; anything else changes nothing.
        kind
            Of the step that is added, behind all others.
        """
        verb, _, number = wish.partition(":")
        position = int(number) if number.isascii() and number.isdigit() else -1
        if verb == "add":
            self._add(kind)
        elif verb == "json":
            self.text = json_lines(self.steps)
        elif verb == "fields":
            self._show_fields()
        elif 0 <= position < len(self.steps):
            step = self.steps.pop(position)
            if verb != "remove":
                to = position + {"up": -1, "down": 1}.get(verb, 0)
                self.steps.insert(max(0, to), step)
            self.problems = []  # they name places that are others now

    def _add(self, kind: str) -> None:
        step = STEP_KINDS.get(kind)
        if step is None:
            self.problems.append(FieldError("steps", "choose the kind of the step"))
        elif len(self.steps) >= MOST_STEPS:
            self.problems.append(FieldError("steps", f"has at most {MOST_STEPS} of them"))
        else:
            defaults = {one.name: one.default for one in step.parameters if not one.is_required}
            self.steps.append({"kind": kind, **defaults})

    def _show_fields(self) -> None:
        if self.problems:
            return
        for position, step in enumerate(self.steps):
            if not _can_be_fields(step):
                place = f"steps[{position}]"
                self.problems.append(FieldError(place, "holds what the fields cannot show"))
        if not self.problems:
            self.text = None

    def forms(self, kinds: Mapping[str, Kind]) -> list[StepForm]:
        """Return a form for each step, with the complaints about it.

        Parameters
        ----------
        kinds
            Of the columns of the data; empty when nobody has said which.
        """
        met: list[dict[str, Kind]] = columns_at(self.steps, kinds) if kinds else []
        found = [
            StepForm(step, position=position, offered=met[position] if met else {})
            for position, step in enumerate(self.steps)
        ]
        for problem in self.problems:
            place = _PLACE.match(problem.field)
            if place is not None and int(place[1]) < len(found):
                found[int(place[1])].complain(place[2] or "", problem.message)
        return found

    @property
    def other_problems(self) -> list[str]:
        """The complaints that no form of a step shows."""
        is_shown = _PLACE.match if self.text is None else (lambda _: None)
        return [
            f"{problem.field}: {problem.message}"
            for problem in self.problems
            if not is_shown(problem.field)
        ]


def json_lines(steps: Sequence[Any]) -> str:
    """Return steps as JSON, one on a line."""
    lines = ",\n ".join(json.dumps(step, ensure_ascii=False) for step in steps)
    return f"[{lines}]"


def _prefix(position: int) -> str:
    return f"step-{position}"


def _field(
    one: Parameter, step: type[Step], offered: Mapping[str, Kind], value: Any
) -> forms.Field:
    example = step.example.get(one.name)
    hint = f"e.g. {quoted(example)}" if _is_scalar(example) else ""
    common: dict[str, Any] = {
        "required": one.is_required,
        "help_text": one.help,
        "label": one.name.replace("_", " ").capitalize(),
    }
    if one.kind == "columns":
        return ColumnsField(offered=offered, chosen=value or (), **common)
    if one.kind == "mapping":
        return forms.Field(widget=PairsWidget(list(offered)), **common)
    if one.kind == "boolean":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **common)
    if one.kind in ("choice", "choices"):
        options = [(word, word.replace("_", " ")) for word in one.choices]
        if one.kind == "choices":
            return forms.MultipleChoiceField(choices=options, widget=TicksWidget, **common)
        blank = [("", "Choose")] if one.is_required else []
        return forms.ChoiceField(
            choices=[*blank, *options], widget=UnfoldAdminSelectWidget, **common
        )
    if one.kind == "texts":
        common["help_text"] += " One a line."
        return forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **common)
    if one.kind == "formula":
        attrs = {"rows": 2, "placeholder": hint, "class": "font-mono", "spellcheck": "false"}
        return forms.CharField(widget=UnfoldAdminTextareaWidget(attrs=attrs), **common)
    if one.kind == "scalar":
        common["help_text"] += ' Text that looks like a number stands in quotes: "5".'
    if one.low is not None and one.high is not None:
        common["help_text"] += f" {one.low:,g} to {one.high:,.10g}."
    attrs = {"placeholder": hint}
    return forms.CharField(widget=UnfoldAdminTextInputWidget(attrs=attrs), **common)


def _initial(one: Parameter, value: Any) -> Any:
    if one.kind == "mapping":
        return list(value.items()) if isinstance(value, Mapping) else value
    if one.kind in ("columns", "choices", "boolean"):
        return value
    return quoted(value) if one.kind == "scalar" and value is not None else shown(value)


def _read_step(
    kind: type[Step], data: QueryDict, position: int, problems: list[FieldError]
) -> dict[str, Any]:
    """Return a step with what was filled in; what was left empty is not in it."""
    step: dict[str, Any] = {"kind": kind.kind}
    for one in kind.parameters:
        widget = _field(one, kind, {}, None).widget
        raw = widget.value_from_datadict(data, {}, f"{_prefix(position)}-{one.name}")
        if one.kind == "boolean":
            step[one.name] = bool(raw)
        elif one.kind == "mapping":
            olds = [old for old, _ in raw]
            twins = sorted({old for old in olds if olds.count(old) > 1})
            if twins:
                place = f"steps[{position}].{one.name}"
                problems.append(FieldError(place, f"names {twins[0]!r} twice"))
            if raw:
                step[one.name] = raw if twins else dict(raw)
        elif one.kind in ("columns", "choices"):
            if raw:
                step[one.name] = list(raw)
        elif (raw or "").strip():
            step[one.name] = _READERS.get(one.kind, str)(raw.replace("\r\n", "\n").strip())
    return step


_READERS: Mapping[str, Callable[[str], Any]] = {
    "number": number_or_text,
    "integer": number_or_text,
    "scalar": unquoted,
    "texts": lines_of,
}


def _can_be_fields(step: Any) -> bool:
    """Whether the fields show a step so that nothing is lost when they are read again."""
    if not isinstance(step, Mapping) or not isinstance(step.get("kind"), str):
        return False
    kind = STEP_KINDS.get(step["kind"])
    known = {} if kind is None else {one.name: one for one in kind.parameters}
    return kind is not None and all(
        name == "kind" or (name in known and _fits(known[name], value))
        for name, value in step.items()
    )


def _fits(one: Parameter, value: Any) -> bool:
    if value is None:
        return not one.is_required and one.default is None
    if one.kind == "mapping":
        return isinstance(value, Mapping) and all(map(_is_line, [*value, *value.values()]))
    if one.kind in ("columns", "texts"):
        return isinstance(value, list) and all(map(_is_line, value))
    if one.kind == "choices":
        return isinstance(value, list) and all(word in one.choices for word in value)
    if one.kind == "choice":
        return value in one.choices
    if one.kind == "boolean":
        return isinstance(value, bool)
    if one.kind in ("number", "integer", "scalar"):
        return _is_scalar(value) and (one.kind == "scalar" or not isinstance(value, bool))
    return isinstance(value, str) and value == value.strip() != ""


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.splitlines() == [value.strip()]

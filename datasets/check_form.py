"""The form of a check: its columns, and one field for each parameter of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.errors import DomainError
from core.forms import show_refusal
from datasets.checking.kinds import KINDS, Kind
from datasets.checking.parameters import Bound, Choice, Number, Parameter, Values
from datasets.models import Dataset, Severity
from datasets.models.checks import KIND_CHOICES
from datasets.parameter_fields import ColumnsField, lines_of, scalar, shown
from datasets.schema import Schema

_PREFIX = "parameter_"


class KindForm(forms.Form):
    """Which dataset, and what is to be checked."""

    dataset = forms.ModelChoiceField(
        queryset=Dataset.objects.none(), widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(
        choices=KIND_CHOICES,
        widget=UnfoldAdminSelectWidget,
        help_text="What is asked of every later version.",
    )


class CheckForm(forms.Form):
    """A check of one kind; the service has the last word on every field."""

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        *,
        kind: Kind,
        schema: Schema | None,
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(data, initial=dict(initial))
        self.kind = kind
        if kind.most_columns:
            self.fields["columns"] = _columns_field(kind, schema, initial.get("columns", ()))
        given = initial.get("parameters", {})
        for one in kind.parameters:
            self.fields[_PREFIX + one.name] = _field(one)
            self.initial[_PREFIX + one.name] = shown(given.get(one.name, one.default))
        self.fields["severity"] = forms.ChoiceField(
            choices=Severity.choices,
            initial=Severity.WARNING,
            widget=UnfoldAdminSelectWidget,
            help_text="An error keeps a version from being ready; a warning is recorded on it.",
        )
        self.fields["is_enabled"] = forms.BooleanField(
            required=False, initial=True, label="Enabled", widget=UnfoldBooleanSwitchWidget
        )
        self.fields["description"] = forms.CharField(
            required=False,
            max_length=500,
            widget=UnfoldAdminTextInputWidget,
            help_text="Why it is checked.",
        )

    def request(self) -> dict[str, Any]:
        """Return what was filled in, as the services take it."""
        said = self.cleaned_data
        return {
            "columns": said.get("columns", []),
            "parameters": {
                one.name: _read(one, said[_PREFIX + one.name]) for one in self.kind.parameters
            },
            "severity": said["severity"],
            "is_enabled": said["is_enabled"],
            "description": said["description"],
        }

    def take_refusal(self, refusal: DomainError) -> None:
        """Show what the service refused beside the fields that are to blame."""
        show_refusal(
            self, refusal, lambda one: (one.field.replace("parameters.", _PREFIX, 1), one.message)
        )


def _columns_field(kind: Kind, schema: Schema | None, chosen: Any) -> forms.Field:
    needed = kind.fewest_columns > 0
    rest = "" if needed else " None: all that fit."
    fitting = [column for column in schema or () if column.type in kind.types]
    return ColumnsField(
        offered={column.name: column.type.value for column in fitting},
        chosen=chosen,
        required=needed,
        help_text=f"What is asked about.{rest}",
    )


def _field(one: Parameter) -> forms.Field:
    common: dict[str, Any] = {
        "required": False,
        "help_text": one.description,
        "label": one.name.replace("_", " ").capitalize(),
    }
    if isinstance(one, Choice):
        options = [(word, word) for word in one.options]
        return forms.ChoiceField(choices=options, widget=UnfoldAdminSelectWidget, **common)
    if isinstance(one, Values):
        common["help_text"] += " One a line."
        return forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}), **common)
    return forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget, **common)


def _read(one: Parameter, text: str) -> Any:
    """Read what was typed as JSON would have it; what cannot be read is left for the service to refuse."""
    if isinstance(one, Values):
        return [scalar(line) for line in lines_of(text)] or None
    if text.strip() == "":
        return None
    return scalar(text.strip()) if isinstance(one, Number | Bound) else text


def kind_named(name: str) -> Kind | None:
    """Return a kind of the catalogue, if there is one of that name."""
    return KINDS.get(name)

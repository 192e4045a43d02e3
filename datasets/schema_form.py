"""The table of a schema as a form: one row of small fields for each column."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory

from core.errors import DomainError
from datasets.schema import Column, ColumnType, Role, Schema
from datasets.schema.names import MAX_COLUMNS

_FIELD = re.compile(r"columns\[(\d+)\]\.(\w+)")


def _small(kind: str = "text", **attrs: Any) -> Any:
    return {"class": f"schema-input schema-{kind}", **attrs}


class ColumnForm(forms.Form):
    """One column."""

    name = forms.CharField(max_length=200, widget=forms.HiddenInput)
    type = forms.ChoiceField(
        choices=[(item.value, item.value) for item in ColumnType],
        widget=forms.Select(attrs=_small("select")),
    )
    role = forms.ChoiceField(
        choices=[(item.value, item.value.replace("_", " ")) for item in Role],
        widget=forms.Select(attrs=_small("select")),
    )
    nullable = forms.BooleanField(required=False)
    minimum = forms.CharField(
        required=False, max_length=40, widget=forms.TextInput(attrs=_small("bound"))
    )
    maximum = forms.CharField(
        required=False, max_length=40, widget=forms.TextInput(attrs=_small("bound"))
    )
    categories = forms.CharField(
        required=False, widget=forms.Textarea(attrs=_small("lines", rows=1))
    )
    enforce = forms.BooleanField(required=False)
    description = forms.CharField(
        required=False, max_length=1_000, widget=forms.Textarea(attrs=_small("lines", rows=1))
    )
    remove = forms.BooleanField(required=False)

    def column(self) -> dict[str, Any]:
        """Return the row in the form of ``Column.to_dict``."""
        said = self.cleaned_data
        kind = said["type"]
        lines = [line.strip() for line in said["categories"].splitlines()]
        return {
            "name": said["name"],
            "type": kind,
            "role": said["role"],
            "nullable": said["nullable"],
            "minimum": _typed(said["minimum"].strip(), kind),
            "maximum": _typed(said["maximum"].strip(), kind),
            "categories": [_typed(line, kind) for line in lines if line] or None,
            "enforce": said["enforce"],
            "description": said["description"].strip(),
        }


class _SchemaForms(BaseFormSet):  # type: ignore[type-arg]
    def columns(self) -> list[dict[str, Any]]:
        """Return the columns that are not to be removed."""
        return [form.column() for form in self._kept()]

    def _kept(self) -> list[Any]:
        return [form for form in self.forms if not form.cleaned_data["remove"]]

    def take_refusal(self, refusal: DomainError) -> None:
        """Show what the service refused beside the fields that are to blame."""
        kept = self._kept() if self.is_bound and self.is_valid() else []
        for error in refusal.errors:
            found = _FIELD.match(error.field)
            if found is None or int(found[1]) >= len(kept):
                continue
            form = kept[int(found[1])]
            form.add_error(found[2] if found[2] in form.fields else None, error.message)


SchemaFormSet: Any = formset_factory(
    ColumnForm, formset=_SchemaForms, extra=0, max_num=MAX_COLUMNS, absolute_max=MAX_COLUMNS
)


def initial_columns(schema: Schema) -> list[dict[str, Any]]:
    """Return what the table begins with."""
    return [_initial(column) for column in schema]


def _initial(column: Column) -> dict[str, Any]:
    limits = column.limits
    return {
        "name": column.name,
        "type": column.type.value,
        "role": column.role.value,
        "nullable": column.nullable,
        "minimum": "" if limits.minimum is None else _shown(limits.minimum),
        "maximum": "" if limits.maximum is None else _shown(limits.maximum),
        "categories": "\n".join(_shown(value) for value in limits.categories or ()),
        "enforce": limits.enforce,
        "description": column.description,
    }


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _typed(text: str, kind: str) -> Any:
    """Read what was typed as JSON would have it; what cannot be read is left for the schema to refuse."""
    if text == "" or kind in (ColumnType.STRING.value, ColumnType.TIMESTAMP.value):
        return text
    if kind == ColumnType.BOOLEAN.value:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text

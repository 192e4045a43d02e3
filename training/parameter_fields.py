"""Hyper-parameters of an estimator as form fields: one each, with its default, its range and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from training.estimators import CATALOGUE, Choice, Estimator, Parameter, WholeNumber

#: What stands for None among the words of a choice.
_NONE = "none"


def field_name(entry: Estimator, parameter: Parameter) -> str:
    """Return the name of a parameter's field; equal parameters of two estimators have two fields."""
    return f"params-{entry.key}-{parameter.name}"


def default_text(parameter: Parameter) -> str:
    """Return the default as the field shows it."""
    if isinstance(parameter, Choice):
        return parameter.default or _NONE
    return "" if parameter.default is None else f"{parameter.default:g}"


def parameter_field(parameter: Parameter) -> forms.Field:
    """Return the field of a parameter; what is left empty stays at the default."""
    common: dict[str, Any] = {
        "required": False,
        "label": parameter.name.replace("_", " ").capitalize(),
        "initial": default_text(parameter),
    }
    if isinstance(parameter, Choice):
        words = [(word or _NONE, word or _NONE) for word in parameter.options]
        common["help_text"] = parameter.description
        return forms.ChoiceField(choices=words, widget=UnfoldAdminSelectWidget, **common)
    common["help_text"] = f"{parameter.description} {parameter.low:,g} to {parameter.high:,.10g}."
    hint = default_text(parameter) or "not set"
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "placeholder": hint})
    kind = forms.IntegerField if isinstance(parameter, WholeNumber) else forms.FloatField
    return kind(widget=widget, **common)


def read_parameters(
    entry: Estimator, cleaned: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters that were filled in, and the complaints about others by the names of their fields."""
    values: dict[str, Any] = {}
    complaints: dict[str, str] = {}
    for parameter in entry.parameters:
        name = field_name(entry, parameter)
        value = cleaned.get(name)
        if value in (None, ""):
            continue
        if isinstance(parameter, Choice) and value == _NONE:
            value = None
        complaint = parameter.complaint(value)
        if complaint:
            complaints[name] = f"{complaint[0].upper()}{complaint[1:]}."
        else:
            values[parameter.name] = value
    return values, complaints


def left_behind(entry: Estimator, data: Mapping[str, Any]) -> Estimator | None:
    """Return the estimator whose parameters were changed although another one was chosen then."""
    for other in CATALOGUE.values():
        if other is entry:
            continue
        for parameter in other.parameters:
            said = str(data.get(field_name(other, parameter)) or "").strip()
            if said not in ("", default_text(parameter)):
                return other
    return None

"""What the admin asks about traffic; the services have the last word on every field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from models_registry.models import ModelVersion, VersionStatus
from serving.models import Endpoint
from serving.services import Step
from serving.services.rollouts import USUAL_STEPS


class ReasonedForm(forms.Form):
    """Why it is done."""

    reason = forms.CharField(required=False, max_length=300, widget=UnfoldAdminTextInputWidget)


class WeightForm(forms.Form):
    """A share of the traffic."""

    weight = forms.FloatField(
        min_value=0.0,
        max_value=1.0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="From 0 to 1: 0.05 is one request of twenty.",
    )


class FallBackForm(ReasonedForm):
    """What answers in an emergency."""

    fallback = forms.ChoiceField(choices=Endpoint.Fallback.choices, widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The constant: a class of the model, or a number.",
    )


def constant_of(text: str, classes: Sequence[Any] | None) -> Any:
    """Return what a text stands for: a class that is spelt so, else a JSON value, else the text itself."""
    for one in classes or ():
        if str(one) == text:
            return one
    try:
        return json.loads(text)
    except ValueError:
        return text


def version_form(endpoint: Endpoint, *bases: type[forms.Form]) -> type[forms.Form]:
    """Return a form that offers the ready versions of an endpoint's model, and asks what the bases ask."""
    versions = ModelVersion.objects.filter(
        model_id=endpoint.model_id, status=VersionStatus.READY
    ).select_related("model")
    return type(
        "VersionForm",
        bases or (forms.Form,),
        {"version": forms.ModelChoiceField(versions, widget=UnfoldAdminSelectWidget)},
    )


class GroupForm(forms.Form):
    """The name of an A/B group."""

    group = forms.CharField(
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Name of the A/B group that is written into the prediction log.",
    )


class StepsForm(forms.Form):
    """The steps of a rollout."""

    steps = forms.CharField(
        initial=", ".join(f"{one.share:.0%} {one.baking_minutes:g}" for one in USUAL_STEPS),
        widget=UnfoldAdminTextInputWidget,
        help_text="Share and minutes, the steps parted by commas: 5% 15, 25% 30, 100% 15.",
    )

    def clean_steps(self) -> list[Step]:
        """Return the steps that were written."""
        try:
            return [_step(one) for one in self.cleaned_data["steps"].split(",")]
        except ValueError as error:
            raise forms.ValidationError("Write steps as in: 5% 15, 25% 30, 100% 15.") from error


def _step(text: str) -> Step:
    share, minutes = text.split()
    return Step(float(share.rstrip("%")) / 100, float(minutes))

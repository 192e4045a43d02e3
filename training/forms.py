"""The form that asks for a model to be trained."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Project
from datasets.models import DatasetVersion, RecipeRevision
from datasets.selectors import ready_versions, revisions_of
from models_registry.models import Task
from training.estimators import CATALOGUE
from training.splits import POLICIES


class TrainForm(forms.Form):
    """What to train on what; the service has the last word on every field."""

    dataset_version = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(), widget=UnfoldAdminSelectWidget
    )
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(),
        required=False,
        empty_label="that of the dataset",
        widget=UnfoldAdminSelectWidget,
        help_text="Where the model belongs; to be chosen when another project shares the dataset.",
    )
    target = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The column to be predicted. Empty: the one with that role in the dataset's schema. For anomalies: "
        "the column that says which are known, if any.",
    )
    model = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Name of the registered model; made when there is none.",
    )
    features = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Columns to learn from, separated by commas. Empty: all whose role allows it.",
    )
    task = forms.ChoiceField(
        required=False,
        choices=[("", "by the target's values"), *Task.choices],
        widget=UnfoldAdminSelectWidget,
    )
    estimator = forms.ChoiceField(
        required=False,
        choices=[
            ("", "default (histogram gradient boosting; isolation forest for anomalies)"),
            *((entry.key, entry.title) for entry in CATALOGUE.values()),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    params = forms.JSONField(
        required=False,
        initial=dict,
        label="Hyper-parameters",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text='Hyper-parameters that differ from the defaults, e.g. {"max_depth": 6}.',
    )
    decision = forms.JSONField(
        required=False,
        initial=dict,
        label="Decision threshold",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text='How it is chosen, e.g. {"rule": "f1"}, {"rule": "recall", "at_least": 0.9}, {"rule": "cost", '
        '"false_positive": 1, "false_negative": 5}; for anomalies {"rule": "contamination", "share": 0.05}.',
    )
    seed = forms.IntegerField(
        initial=0, widget=UnfoldAdminDecimalFieldWidget, help_text="Makes the run repeatable."
    )

    recipe = forms.ModelChoiceField(
        queryset=RecipeRevision.objects.none(),
        required=False,
        empty_label="none",
        widget=UnfoldAdminSelectWidget,
        help_text="Preprocessing before the estimator's own, fitted on the training rows only.",
    )
    split_policy = forms.ChoiceField(
        required=False,
        label="Split",
        choices=[
            ("", "by time where the data has a timestamp, else by class"),
            *((key, f"{key}: {text}") for key, text in POLICIES.items()),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    split_column = forms.CharField(
        required=False,
        label="Split by column",
        widget=UnfoldAdminTextInputWidget,
        help_text="The column of the groups or of the moments.",
    )
    gap_hours = forms.FloatField(
        required=False,
        min_value=0,
        label="Gap (hours)",
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Rows so shortly before the tested ones are left out (by time).",
    )

    def __init__(self, *args: Any, projects: list[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["dataset_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = ready_versions(projects)
        field.label_from_instance = _named  # type: ignore[assignment,method-assign]
        homes = self.fields["project"]
        assert isinstance(homes, forms.ModelChoiceField)
        homes.queryset = Project.objects.filter(pk__in=[one.pk for one in projects])
        self._projects = projects
        recipes = self.fields["recipe"]
        assert isinstance(recipes, forms.ModelChoiceField)
        recipes.queryset = revisions_of(projects)

    def home(self) -> Project:
        """Return where the model belongs: as chosen, else the dataset's project, else one's first."""
        chosen: Project | None = self.cleaned_data["project"]
        owner: Project = self.cleaned_data["dataset_version"].dataset.project
        if chosen is not None or owner in self._projects:
            return chosen or owner
        return self._projects[0]

    def request(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        values = dict(self.cleaned_data)
        del values["project"]
        policy, column, gap = (
            values.pop(name) for name in ("split_policy", "split_column", "gap_hours")
        )
        if policy or column or gap:
            values["split"] = {"policy": policy, "column": column.strip(), "gap_hours": gap or 0.0}
        named = [name.strip() for name in values.pop("features").split(",")]
        return {
            **values,
            "features": [name for name in named if name] or None,
            "task": values["task"] or None,
            "estimator": values["estimator"] or None,
            "params": values["params"] or {},
            "decision": values["decision"] or None,
        }


def _named(version: DatasetVersion) -> str:
    return f"{version.dataset.project} / {version}"

"""The form that asks for a model to be trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Project
from datasets.models import DatasetVersion, RecipeRevision
from datasets.parameter_fields import ColumnsField
from datasets.selectors import ready_versions, revisions_of
from models_registry.decision_form import DecisionRuleForm
from models_registry.models import Task
from training.estimators import CATALOGUE, Estimator, default_estimator
from training.parameter_fields import field_name, left_behind, parameter_field, read_parameters
from training.splits import POLICIES

#: The page lists the columns of the chosen version once, for all fields that name one.
_COLUMN_LIST = {"list": "column-list"}

_SECTIONS: Mapping[str, Sequence[str]] = {
    "Data": ("dataset_version", "project", "target", "task", "features"),
    "Estimator": ("estimator", "seed"),
    "Preprocessing and split": ("recipe", "split_policy", "split_column", "gap_hours"),
}


class TrainForm(DecisionRuleForm):
    """What to train on what; the service has the last word on every field.

    The columns of the chosen version and the parameters of the chosen estimator are fields of their own.

    Parameters
    ----------
    data
        What was sent to be asked for.
    draft
        What was sent to see which columns and parameters there are; it is shown again, and not judged.
    """

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
        widget=UnfoldAdminTextInputWidget(attrs=_COLUMN_LIST),
        help_text="The column to be predicted. Empty: the one with that role in the dataset's schema. For anomalies: "
        "the column that says which are known, if any.",
    )
    model = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Name of the registered model; made when there is none.",
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
        widget=UnfoldAdminTextInputWidget(attrs=_COLUMN_LIST),
        help_text="The column of the groups or of the moments.",
    )
    gap_hours = forms.FloatField(
        required=False,
        min_value=0,
        label="Gap (hours)",
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Rows so shortly before the tested ones are left out (by time).",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        projects: list[Project],
        initial: Mapping[str, Any] | None = None,
        draft: QueryDict | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self._projects = projects
        homes = Project.objects.filter(pk__in=[one.pk for one in projects])
        self._choice("project").queryset = homes
        self._choice("recipe").queryset = revisions_of(projects)
        versions = self._choice("dataset_version")
        versions.queryset = ready_versions(projects)
        versions.label_from_instance = _named  # type: ignore[assignment,method-assign]
        said: Mapping[str, Any] = data or draft or self.initial
        self.entry = _entry(said)
        self.columns = _columns(versions, said)
        self.fields["features"] = _features_field(self.columns, said)
        for parameter in self.entry.parameters:
            self.fields[field_name(self.entry, parameter)] = parameter_field(parameter)
        for name, field in self.fields.items() if draft is not None else ():
            value = field.widget.value_from_datadict(draft, {}, name)
            if value is not None:
                self.initial[name] = value

    def _choice(self, name: str) -> forms.ModelChoiceField[Any]:
        return cast("forms.ModelChoiceField[Any]", self.fields[name])

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings, without the estimator's parameters and the decision rule."""
        return [(title, [self[name] for name in names]) for title, names in _SECTIONS.items()]

    @property
    def parameters(self) -> list[forms.BoundField]:
        """The fields of the estimator's parameters."""
        return [self[field_name(self.entry, one)] for one in self.entry.parameters]

    def clean(self) -> dict[str, Any]:
        """Judge the parameters by the catalogue, after the decision rule."""
        super().clean()
        values, complaints = read_parameters(self.entry, self.cleaned_data)
        for name, text in complaints.items():
            self.add_error(name, text)
        other = left_behind(self.entry, self.data)
        if other is not None:
            self.add_error(
                "estimator",
                f"The parameters that were filled in are those of: {other.title}. Now those of the chosen "
                f"estimator are shown ({self.entry.title}).",
            )
        self.cleaned_data["params"] = values
        return self.cleaned_data

    def home(self) -> Project:
        """Return where the model belongs: as chosen, else the dataset's project, else one's first."""
        chosen: Project | None = self.cleaned_data["project"]
        owner: Project = self.cleaned_data["dataset_version"].dataset.project
        if chosen is not None or owner in self._projects:
            return chosen or owner
        return self._projects[0]

    def request(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        given = self.cleaned_data
        values = {
            name: given[name] for name in ("dataset_version", "target", "model", "seed", "recipe")
        }
        policy, column, gap = (given[one] for one in ("split_policy", "split_column", "gap_hours"))
        if policy or column or gap:
            values["split"] = {"policy": policy, "column": column.strip(), "gap_hours": gap or 0.0}
        return {
            **values,
            "features": given["features"] or None,
            "task": given["task"] or None,
            "estimator": given["estimator"] or None,
            "params": given["params"],
            "decision": given["decision_rule"],
        }


def _named(version: DatasetVersion) -> str:
    return f"{version.dataset.project} / {version}"


def _entry(said: Mapping[str, Any]) -> Estimator:
    """Return the estimator whose parameters are asked for: the chosen one, else the task's default."""
    chosen = CATALOGUE.get(str(said.get("estimator")))
    is_anomaly = said.get("task") == Task.ANOMALY
    return chosen or CATALOGUE[default_estimator("anomaly" if is_anomaly else "classification")]


def _columns(
    versions: forms.ModelChoiceField[DatasetVersion], said: Mapping[str, Any]
) -> dict[str, str]:
    """Return the columns of the chosen version and their types; none while none is chosen."""
    try:
        version = versions.to_python(said.get("dataset_version"))
    except forms.ValidationError:
        return {}
    if version is None:
        return {}
    return {column["name"]: column["type"] for column in version.schema["columns"]}


def _features_field(columns: Mapping[str, str], said: Mapping[str, Any]) -> ColumnsField:
    target = said.get("target")
    return ColumnsField(
        offered={name: kind for name, kind in columns.items() if name != target},
        required=False,
        help_text="Columns to learn from. None: all whose role allows it.",
    )

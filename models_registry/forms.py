"""Forms of the model registry in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Project
from datasets.models import DatasetVersion
from datasets.selectors import ready_versions
from models_registry.errors import GateRefused
from models_registry.models import Gate, RegisteredModel, Task
from models_registry.selectors import CHAMPION
from models_registry.services.gates import check_condition

if TYPE_CHECKING:
    _GateModelForm = forms.ModelForm[Gate]
    _RegisteredModelForm = forms.ModelForm[RegisteredModel]
else:
    _GateModelForm = _RegisteredModelForm = forms.ModelForm  # generic in their type stubs only


#: Words that fit into a narrow column.
_KINDS = [
    (Gate.Kind.METRIC.value, "Metric"),
    (Gate.Kind.BASELINE.value, "Beats naive"),
    (Gate.Kind.WIRE_PARITY.value, "Same by wire"),
    (Gate.Kind.SERIALIZATION.value, "Same reloaded"),
]
_SIGNS = [(Gate.Comparison.AT_LEAST.value, "≥"), (Gate.Comparison.AT_MOST.value, "≤")]


class RegisteredModelForm(_RegisteredModelForm):
    """What can be changed about a model."""

    class Meta:
        model = RegisteredModel
        fields = ("description", "requires_approval")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3})
        }


class GateForm(_GateModelForm):
    """A condition; what the service would refuse is said beside the field that is to blame."""

    class Meta:
        model = Gate
        fields = ("kind", "metric", "comparison", "threshold", "required", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = _KINDS  # type: ignore[attr-defined]
        self.fields["comparison"].choices = _SIGNS  # type: ignore[attr-defined]
        if self.instance.pk is not None:
            self.fields["kind"].disabled = True

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # fills the instance
        if self.errors:
            return
        try:
            check_condition(self.instance)
        except GateRefused as refusal:
            for complaint in refusal.errors:
                self.add_error(complaint.field, complaint.message)


class UploadModelForm(forms.Form):
    """A model that was made elsewhere; the service has the last word on every field."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="An ONNX model: rows of a table in, one answer for each row out.",
    )
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    model = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Name of the registered model; made when there is none.",
    )
    task = forms.ChoiceField(choices=Task.choices, widget=UnfoldAdminSelectWidget)
    dataset_version = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(),
        required=False,
        empty_label="none: nothing is measured that needs the truth",
        widget=UnfoldAdminSelectWidget,
        help_text="Rows that the model is measured on, and that production is compared with.",
    )
    target = forms.CharField(
        required=False,
        max_length=250,
        widget=UnfoldAdminTextInputWidget,
        help_text="The column with the true answers. Empty: the one with that role in the dataset's schema.",
    )
    signature = forms.JSONField(
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="What the file does not say of itself, e.g. "
        '{"inputs": ["size", "weight"], "classes": ["no", "yes"], "outputs": {"scores_are": "logit"}}.',
    )

    def __init__(self, *args: Any, projects: list[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        homes = self.fields["project"]
        assert isinstance(homes, forms.ModelChoiceField)
        homes.queryset = Project.objects.filter(pk__in=[one.pk for one in projects])
        versions = self.fields["dataset_version"]
        assert isinstance(versions, forms.ModelChoiceField)
        versions.queryset = ready_versions(projects)

    def request(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        values = dict(self.cleaned_data)
        del values["project"]
        return values


class ReasonForm(forms.Form):
    """Why something is done; may be left out."""

    reason = forms.CharField(
        required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class RequiredReasonForm(forms.Form):
    """Why something unusual is done."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


class CommentForm(forms.Form):
    """What is to be said to the other person."""

    comment = forms.CharField(
        required=False, max_length=5_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )


class AliasForm(forms.Form):
    """An alias to point at a version."""

    alias = forms.CharField(
        max_length=100,
        initial="challenger",
        widget=UnfoldAdminTextInputWidget,
        help_text=f"Any name; '{CHAMPION}' puts the version into production.",
    )
    reason = forms.CharField(
        required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


def offer_metrics(form: type[GateForm], metrics: list[str]) -> None:
    """Let a gate's metric be chosen from a list instead of being typed."""
    form.base_fields["metric"].widget = UnfoldAdminSelectWidget(
        choices=[("", "—"), *((name, name) for name in metrics)]
    )

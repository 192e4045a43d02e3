"""Forms of the serving room in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Project
from datasets.models import DatasetVersion, Use, VersionStatus
from datasets.selectors import datasets_usable_in
from models_registry.models import ModelVersion
from models_registry.models import VersionStatus as ModelStatus
from serving.models import BatchScoring, ModelExport


class BatchScoringForm(forms.Form):
    """Which rows, by which model; the service has the last word on every field."""

    model_version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget
    )
    dataset_version = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(), widget=UnfoldAdminSelectWidget
    )
    output_dataset = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Name of the dataset that the answers become a version of. Empty: named after rows and model.",
    )
    keep = forms.ChoiceField(
        choices=BatchScoring.Keep.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="Which columns of the rows go with the answers.",
    )
    threshold = forms.FloatField(
        required=False,
        label="Decide at",
        widget=UnfoldAdminTextInputWidget,
        help_text="Adds a decision to each row of two classes, or of anomalies. Empty: at the version's own threshold, if it has one.",
    )

    def __init__(self, *args: Any, projects: Sequence[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ids = [project.pk for project in projects]
        models = ModelVersion.objects.filter(model__project__in=ids, status=ModelStatus.READY)
        readable = datasets_usable_in(ids, Use.READ).order_by()
        versions = DatasetVersion.objects.filter(
            dataset__in=readable, status=VersionStatus.READY
        ).defer("profile", "schema")
        self._choose("model_version", models.select_related("model").order_by("-created_at"))
        self._choose("dataset_version", versions.select_related("dataset").order_by("-created_at"))

    def _choose(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows


class ExportForm(forms.Form):
    """Which version, in which form; the service has the last word."""

    model_version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget
    )
    target = forms.ChoiceField(
        label="Form",
        choices=[
            (ModelExport.Server.FLASK, "Folder with a server (Flask), Dockerfile and manifests"),
            (
                ModelExport.Server.FASTAPI,
                "Folder with a server (FastAPI), Dockerfile and manifests",
            ),
            (ModelExport.Kind.MOBILE, "ONNX for mobile: one float32 graph, also as .ort"),
        ],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, projects: Sequence[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["model_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = (
            ModelVersion.objects.filter(model__project__in=projects, status=ModelStatus.READY)
            .select_related("model__project")
            .order_by("-created_at")
        )

    @property
    def kind(self) -> str:
        """The kind of export that was chosen."""
        chosen: str = self.cleaned_data["target"]
        return chosen if chosen in ModelExport.Kind.values else ModelExport.Kind.BUNDLE.value

    @property
    def server(self) -> str:
        """The framework that was chosen; empty for a form that has no server."""
        chosen: str = self.cleaned_data["target"]
        return chosen if chosen in ModelExport.Server.values else ""

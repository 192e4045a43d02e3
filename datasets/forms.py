"""Forms of the datasets room in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from datasets.models import Dataset

if TYPE_CHECKING:
    _DatasetModelForm = forms.ModelForm[Dataset]
else:
    _DatasetModelForm = forms.ModelForm  # generic in its type stubs only


class DatasetForm(_DatasetModelForm):
    """A dataset's name, description and (once) project."""

    class Meta:
        model = Dataset
        fields = ("project", "name", "description")


class UploadForm(forms.Form):
    """A file to ingest, and what to do with the rows that are there."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV (any of the usual delimiters and encodings) or Parquet, with column names.",
    )
    mode = forms.ChoiceField(
        choices=[
            ("replace", "Replace: the version has the rows of the file"),
            ("append", "Append: the rows of the newest version, then those of the file"),
        ],
        widget=UnfoldAdminSelectWidget,
    )

"""Forms of the datasets room in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from datasets.formats import PUT_ASIDE, REFUSE, USUAL_BAD_SHARE, ReadOptions
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
        help_text="CSV or TSV (in any of the usual encodings), JSON lines, Parquet, Arrow or Excel, with column names; plain, gzip or Zstandard.",
    )
    mode = forms.ChoiceField(
        choices=[
            ("replace", "Replace: the version has the rows of the file"),
            ("append", "Append: the rows of the newest version, then those of the file"),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    on_bad_rows = forms.ChoiceField(
        label="Rows that cannot be read",
        choices=[
            (REFUSE, "Refuse the file"),
            (PUT_ASIDE, "Put them aside in the quarantine, with the reason"),
        ],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    most_bad_share = forms.FloatField(
        label="Share of rows that may be put aside",
        min_value=0,
        max_value=1,
        required=False,
        initial=USUAL_BAD_SHARE,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    sheet = forms.CharField(
        label="Sheet",
        max_length=31,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Of a workbook: which sheet; the first one, when empty.",
    )

    def options(self) -> ReadOptions:
        """Return what was chosen about the reading."""
        share = self.cleaned_data["most_bad_share"]
        return ReadOptions(
            on_bad_rows=self.cleaned_data["on_bad_rows"] or REFUSE,
            most_bad_share=USUAL_BAD_SHARE if share is None else share,
            sheet=self.cleaned_data["sheet"],
        )

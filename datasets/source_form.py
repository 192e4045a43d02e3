"""The form of a source: what every source has, and the fields of its kind."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core.errors import DomainError
from core.forms import show_refusal
from datasets.formats import USUAL_BAD_SHARE
from datasets.models import BadRows, Dataset, Source, SourceMode
from datasets.services.source_terms import UNCHANGED, SourceTerms, Unchanged
from datasets.sources import SettingField, reader_of
from jobs.schedule import Crontab, Schedule, UnreadableScheduleError, parse_crontab
from jobs.schedules import schedule_of


class SourceForm(forms.Form):
    """What every source has; the fields of its kind are added when the form is made."""

    dataset = forms.ModelChoiceField(
        queryset=Dataset.objects.none(), widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    mode = forms.ChoiceField(choices=SourceMode.choices, widget=UnfoldAdminSelectWidget)
    watermark_column = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="For appending: only rows whose value in this column is beyond the highest one "
        "read so far are new. A number, a moment or text that only grows.",
    )
    on_bad_rows = forms.ChoiceField(
        choices=BadRows.choices,
        initial=BadRows.REFUSE,
        label="Bad rows",
        widget=UnfoldAdminSelectWidget,
        help_text="Rows that cannot be read, or that the dataset's edited schema does not allow.",
    )
    most_bad_share = forms.FloatField(
        initial=USUAL_BAD_SHARE,
        min_value=0.0,
        max_value=1.0,
        label="Largest share put aside",
        widget=UnfoldAdminTextInputWidget,
        help_text="For the quarantine: with a larger share of bad rows in a file (0 to 1) the run fails.",
    )
    crontab = forms.CharField(
        required=False,
        label="Schedule",
        widget=UnfoldAdminTextInputWidget,
        help_text="A crontab line: minute hour day month weekday, e.g. 0 3 * * * for three o'clock "
        "every night. Empty: by hand only.",
    )
    enabled = forms.BooleanField(
        required=False,
        initial=True,
        label="Schedule is on",
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *args: Any, kind: str, source: Source | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source = source
        self.own = reader_of(kind).fields
        if source is not None:
            del self.fields["dataset"]
        kept = source.secrets if source is not None and source.sealed_secrets else {}
        for one in self.own:
            self.fields[_name(one)] = _form_field(one, is_set=one.name in kept)
        self.order_fields(
            [
                "dataset",
                "name",
                *(_name(one) for one in self.own),
                "mode",
                "watermark_column",
                "on_bad_rows",
                "most_bad_share",
            ]
        )

    @property
    def present_schedule(self) -> Schedule | None:
        """The schedule that the source has."""
        return schedule_of(self.source.schedule) if self.source is not None else None

    def clean_crontab(self) -> Schedule | None:
        """Return the schedule that the line says."""
        line = self.cleaned_data["crontab"].strip()
        if not line:
            return None
        present = self.present_schedule
        timezone = present.timezone if isinstance(present, Crontab) else "UTC"
        try:
            return parse_crontab(line, timezone=timezone)
        except UnreadableScheduleError as error:
            raise forms.ValidationError(str(error)) from error

    def schedule(self) -> Schedule | Unchanged | None:
        """Return the schedule that is wanted; an empty line keeps what no line can say."""
        wanted: Schedule | None = self.cleaned_data["crontab"]
        row = self.source.schedule if self.source is not None else None
        if wanted is None and row is not None and row.crontab is None:
            return UNCHANGED
        return wanted

    def terms(self) -> SourceTerms:
        """Return the terms that were filled in."""
        given = self.cleaned_data
        return SourceTerms(
            name=given["name"],
            mode=given["mode"],
            watermark_column=given["watermark_column"],
            on_bad_rows=given["on_bad_rows"],
            most_bad_share=given["most_bad_share"],
            enabled=given["enabled"],
            settings={
                one.name: given[_name(one)]
                for one in self.own
                if not one.is_secret and given[_name(one)]
            },
        )

    def secrets(self) -> dict[str, str]:
        """Return the secrets that were entered; an empty field leaves what is kept."""
        entered = {one.name: self.cleaned_data[_name(one)] for one in self.own if one.is_secret}
        return {name: value for name, value in entered.items() if value}

    def blame(self, refusal: DomainError) -> None:
        """Show a refusal beside the fields that are to blame."""
        show_refusal(self, refusal, lambda one: (one.field.replace(".", "_"), one.message))


def _name(one: SettingField) -> str:
    return f"{'secrets' if one.is_secret else 'settings'}_{one.name}"


def _form_field(one: SettingField, *, is_set: bool) -> forms.CharField:
    widget: Any = UnfoldAdminTextInputWidget()
    if one.is_secret:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    elif one.is_long:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 8})
    told = "Set; leave empty to keep it. " if is_set else ""
    return forms.CharField(
        label=one.label,
        required=one.is_required and not is_set,
        help_text=told + one.help,
        widget=widget,
        strip=not one.is_long,
    )


def initial_of(source: Source) -> dict[str, Any]:
    """Return what the form of a source shows at first."""
    schedule = schedule_of(source.schedule)
    return {
        "name": source.name,
        "mode": source.mode,
        "watermark_column": source.watermark_column,
        "on_bad_rows": source.on_bad_rows,
        "most_bad_share": source.most_bad_share,
        "enabled": source.enabled,
        "crontab": schedule.expression if isinstance(schedule, Crontab) else "",
        **{f"settings_{name}": value for name, value in source.settings.items()},
    }

"""Form fields for typed parameters: columns to tick, values as one types them, and how both are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES, TEXTAREA_CLASSES

#: What the name of the field for other columns ends with.
_OTHERS = "-others"
#: So many columns can be ticked in one field; the names of more are typed.
MOST_TICKS = 300
#: Said once for each field and not for each box: a page may have thousands of them.
_STYLE = SafeString(
    "<style>.ticks{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));"
    "gap:.35rem .75rem;max-height:13rem;overflow-y:auto;padding:.6rem .75rem;max-width:56rem}"
    ".ticks label{display:flex;gap:.5rem;align-items:center;min-width:0}"
    ".ticks input{flex:none;width:1rem;height:1rem;accent-color:var(--color-primary-600)}"
    ".ticks span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    ".ticks small{opacity:.6}</style>"
)


class TicksWidget(forms.SelectMultiple):
    """Several of a list, each with a box to tick: no key to hold, and what is ticked stays in sight.

    Parameters
    ----------
    hints
        A word behind an option, by its value.
    """

    def __init__(self, hints: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.hints = dict(hints or {})

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the boxes in their frame."""
        ticked = set(self.format_value(value))
        options = format_html_join(
            "",
            '<label title="{}"><input type="checkbox" name="{}" value="{}"{}>'
            "<span>{}</span><small>{}</small></label>",
            (
                (
                    label,
                    name,
                    option,
                    SafeString(" checked") if option in ticked else "",
                    label,
                    self.hints.get(option, ""),
                )
                for option, label in self.choices
            ),
        )
        return format_html(
            '{}<div id="{}" class="ticks border border-base-200 rounded-default dark:border-base-700">{}</div>',
            _STYLE,
            (attrs or {}).get("id", f"id_{name}"),
            options,
        )


class ColumnsWidget(TicksWidget):
    """Columns to tick where they are known, and lines for the names of others."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the boxes, if there are any, and the field for other names."""
        known = {option for option, _ in self.choices}
        names = self.format_value(value)
        others = [one for one in names if one not in known]
        lines = format_html(
            '<textarea name="{}" id="{}" rows="{}" placeholder="One name a line" class="{}">{}</textarea>',
            name + _OTHERS,
            f"id_{name}{_OTHERS}" if known else (attrs or {}).get("id", f"id_{name}"),
            2 if known else 3,
            " ".join(TEXTAREA_CLASSES),
            "".join(f"\n{one}" for one in others),  # the first line break is the parser's
        )
        if not known:
            return lines
        return format_html(
            '{}<details{}><summary class="cursor-pointer text-xs" style="list-style:disclosure-closed inside;display:list-item">Other columns</summary>{}</details>',
            super().render(name, value, attrs, renderer),
            SafeString(" open") if others else "",
            lines,
        )

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Return the ticked names in their order, then the other ones."""
        ticked = list(super().value_from_datadict(data, files, name) or ())
        typed = lines_of(data.get(name + _OTHERS) or "")
        return ticked + [one for one in typed if one not in ticked]


class ColumnsField(forms.MultipleChoiceField):
    """Names of columns.

    Parameters
    ----------
    offered
        The columns that can be ticked, with a word on each; names that are chosen already come first, in their
        order, whether they are among them or not.
    """

    def __init__(
        self, *, offered: Mapping[str, str], chosen: Sequence[str] = (), **kwargs: Any
    ) -> None:
        names = list(dict.fromkeys([*chosen, *offered])) if offered else []
        if len(names) > MOST_TICKS:
            kept = max(MOST_TICKS, len(chosen))
            more = f" {kept} of {len(names):,} columns are listed; the others can be typed."
            kwargs["help_text"] = f"{kwargs.get('help_text', '')}{more}"
            names = names[:kept]
        super().__init__(
            choices=[(name, name) for name in names], widget=ColumnsWidget(offered), **kwargs
        )

    def valid_value(self, value: str) -> bool:
        """Take every name: the services know which columns there are."""
        return True


class PairsWidget(forms.Widget):
    """Old and new names side by side, with some empty rows for more.

    Its value is a list of pairs of text.
    """

    spare_rows = 3

    def __init__(self, suggestions: Sequence[str] = ()) -> None:
        super().__init__()
        self.suggestions = list(suggestions)

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return a row for each pair, then the empty ones."""
        pairs = [*(value or ()), *([("", "")] * self.spare_rows)]
        classes = " ".join(INPUT_CLASSES)
        rows = format_html_join(
            "",
            '<div style="display:flex;gap:.5rem;align-items:center;max-width:42rem">'
            '<input type="text" name="{}-old" value="{}" list="{}-list" aria-label="Old name" class="{}">'
            "<span>→</span>"
            '<input type="text" name="{}-new" value="{}" aria-label="New name" class="{}"></div>',
            ((name, old, name, classes, name, new, classes) for old, new in pairs),
        )
        options = format_html_join("", '<option value="{}">', ((one,) for one in self.suggestions))
        return format_html(
            '<div id="{}" class="flex flex-col gap-2">{}</div><datalist id="{}-list">{}</datalist>',
            (attrs or {}).get("id", f"id_{name}"),
            rows,
            name,
            options,
        )

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        """Return the rows in which something was written."""
        old, new = (data.getlist(f"{name}-{side}") for side in ("old", "new"))
        pairs = [(a.strip(), b.strip()) for a, b in zip(old, new, strict=False)]
        return [pair for pair in pairs if any(pair)]


def lines_of(text: str) -> list[str]:
    """Return what stands on the lines of a text, without the empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def shown(value: Any) -> str:
    """Return a value as it is typed: lists a line each, truth values as JSON has them, None as nothing."""
    if isinstance(value, list | tuple):
        return "\n".join(shown(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def number_or_text(text: str) -> int | float | str:
    """Read a number; what is none is left for the services to refuse."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def scalar(text: str) -> bool | int | float | str:
    """Read what was typed as JSON would have it: a truth value, a number, or else text."""
    return text == "true" if text in ("true", "false") else number_or_text(text)


def quoted(value: Any) -> str:
    """Return a value as :func:`unquoted` reads it: text that looks like something else stands in quotes."""
    if isinstance(value, str) and (value[:1] == '"' or value.strip() != value or not value):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and not isinstance(scalar(value), str):
        return json.dumps(value, ensure_ascii=False)
    return shown(value)


def unquoted(text: str) -> bool | int | float | str:
    """Read a scalar; what stands in quotes is text, also when it looks like a number."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, str) else text
    return scalar(text)

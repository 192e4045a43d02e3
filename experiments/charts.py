"""Plots' data as pictures: inline SVG, nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_SIZE = 220
_MARGIN = 34


def render_plots(plots: Mapping[str, Any]) -> SafeString:
    """Return all plots that are known, side by side.

    A plot's data is ``{"kind": "curve", "x": […], "y": […], "x_label", "y_label"}``,
    ``{"kind": "matrix", "labels": […], "counts": [[…]]}`` or
    ``{"kind": "bars", "labels": […], "values": […]}``.
    """
    renderers = {"curve": _curve, "matrix": _matrix, "bars": _bars}
    figures = [
        (name.replace("_", " "), renderers[plot["kind"]](plot))
        for name, plot in sorted(plots.items())
        if plot.get("kind") in renderers
    ]
    if not figures:
        return SafeString("—")
    return format_html(
        '<div class="flex flex-wrap gap-8">{}</div>',
        format_html_join(
            "", '<figure><figcaption class="mb-2 font-medium">{}</figcaption>{}</figure>', figures
        ),
    )


def _curve(plot: Mapping[str, Any]) -> SafeString:
    span = _SIZE - 2 * _MARGIN
    xs, ys = list(plot["x"]), list(plot["y"])
    low_x, high_x = _range(xs)
    low_y, high_y = _range(ys)
    points = " ".join(
        f"{_MARGIN + span * (x - low_x) / (high_x - low_x):.1f},"
        f"{_SIZE - _MARGIN - span * (y - low_y) / (high_y - low_y):.1f}"
        for x, y in zip(xs, ys, strict=True)
    )
    return format_html(
        '<svg width="{s}" height="{s}" role="img" font-size="10" fill="currentColor">'
        '<rect x="{m}" y="{m}" width="{w}" height="{w}" fill="none" stroke="currentColor" '
        'opacity="0.3"/><polyline points="{p}" fill="none" stroke="#7c3aed" stroke-width="2"/>'
        '<text x="{c}" y="{b}" text-anchor="middle">{xl}</text>'
        '<text x="12" y="{c}" text-anchor="middle" transform="rotate(-90 12 {c})">{yl}</text>'
        '<text x="{c}" y="22" text-anchor="middle">{mark}</text>'
        '<text x="{m}" y="{t}">{lx}</text><text x="{e}" y="{t}" text-anchor="end">{hx}</text></svg>',
        s=_SIZE,
        m=_MARGIN,
        w=span,
        p=points,
        c=_SIZE // 2,
        b=_SIZE - 4,
        t=_SIZE - _MARGIN + 12,
        e=_SIZE - _MARGIN,
        xl=plot.get("x_label", ""),
        yl=plot.get("y_label", ""),
        mark=plot.get("mark", ""),
        lx=f"{low_x:.3g}",
        hx=f"{high_x:.3g}",
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _matrix(plot: Mapping[str, Any]) -> SafeString:
    labels, counts = plot["labels"], plot["counts"]
    rows = [
        (
            label,
            format_html_join(
                "",
                '<td class="px-3 py-1 text-right" style="background:rgba(124,58,237,{})">{}</td>',
                ((f"{0.55 * count / max(1, sum(row)):.2f}", count) for count in row),
            ),
        )
        for label, row in zip(labels, counts, strict=True)
    ]
    return format_html(
        '<table class="text-sm"><tr><td class="pr-3 text-xs">true ↓ predicted →</td>{}</tr>{}</table>',
        format_html_join("", '<th class="px-3 py-1">{}</th>', ((label,) for label in labels)),
        format_html_join("", '<tr><th class="pr-3 text-left">{}</th>{}</tr>', rows),
    )


def _bars(plot: Mapping[str, Any]) -> SafeString:
    values = [float(value) for value in plot["values"]]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    return format_html(
        '<table class="text-xs">{}</table>',
        format_html_join(
            "",
            '<tr><td class="pr-2">{}</td><td style="width:160px"><span class="block h-2 rounded-default '
            'bg-primary-600" style="width:{}%"></span></td><td class="pl-2 font-mono">{}</td></tr>',
            (
                (label, f"{100 * max(0.0, value) / largest:.0f}", f"{value:.3g}")
                for label, value in zip(plot["labels"], values, strict=True)
            ),
        ),
    )

"""A drift report as a person reads it: columns by effect, pictures of what drifted, performance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitoring.models import ColumnDrift, DriftReport, Verdict
from monitoring.selectors import columns_by_effect

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 420, 170, 8, 34
_MOST_PICTURES = 8
_MOST_BARS = 14
#: Metrics that the page shows, in this order, where they are known.
_METRICS = ("accuracy", "roc_auc", "f1", "log_loss", "brier", "r2", "rmse", "mae")
_NAMES = {
    "accuracy": "Accuracy",
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin of both windows, in pixels: where it is, how high each bar is, what it says."""

    x: float
    width: float
    reference_height: float
    reference_y: float
    current_height: float
    current_y: float
    title: str
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The histogram of one column."""

    column: str
    bars: tuple[Bar, ...]
    width: int = _WIDTH
    height: int = _HEIGHT
    baseline: int = _HEIGHT - _BOTTOM


@dataclass(frozen=True, slots=True)
class Line:
    """One column of the table."""

    column: ColumnDrift
    effect_percent: float
    floor_percent: float
    missing: float | None
    unusual: float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as the training measured it, and as production shows it."""

    name: str
    held_out: float | None
    realised: float | None


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What the report's page shows."""

    tone: str
    headline: str
    summary: str
    lines: tuple[Line, ...]
    pictures: tuple[Picture, ...]
    metrics: tuple[Metric, ...]
    labels: int
    coverage_percent: float
    duplicates_percent: float


def page_of(report: DriftReport) -> ReportPage:
    """Return what the page of a report shows."""
    columns = list(columns_by_effect(report))
    drifted = [one for one in columns if one.verdict == Verdict.DRIFT]
    quality: dict[str, Any] = report.data_quality.get("columns", {})
    performance = report.performance
    return ReportPage(
        tone={Verdict.DRIFT: "bad", Verdict.NO_DRIFT: "good"}.get(Verdict(report.verdict), "warn"),
        headline=_headline(report, drifted),
        summary=(
            f"{report.current_rows:,} predictions of {report.model_version} against "
            f"{report.reference_rows:,} training rows. A column drifts when its effect reaches "
            f"{report.policy.get('effect_floor')} and its q-value is at most "
            f"{report.policy.get('drift_level')}."
        ),
        lines=tuple(_line(one, quality.get(one.column, {})) for one in columns),
        pictures=tuple(
            picture
            for one in (drifted or columns)[:_MOST_PICTURES]
            if (picture := _picture(one)) is not None
        ),
        metrics=_metrics(performance),
        labels=int(performance.get("labels", 0)),
        coverage_percent=100 * report.label_coverage,
        duplicates_percent=100 * float(report.data_quality.get("duplicate_rows", 0.0)),
    )


def _headline(report: DriftReport, drifted: list[ColumnDrift]) -> str:
    if report.verdict == Verdict.NOT_ENOUGH_DATA:
        return f"Not enough data: {report.current_rows} rows in this window"
    if not drifted:
        return "No drift"
    names = ", ".join(one.column for one in drifted[:4])
    more = f" and {len(drifted) - 4} more" if len(drifted) > 4 else ""
    return f"Drift in {names}{more}"


def _line(column: ColumnDrift, quality: dict[str, Any]) -> Line:
    parts = [quality.get(name) for name in ("unseen", "below_range", "above_range")]
    known = [part for part in parts if part is not None]
    return Line(
        column=column,
        effect_percent=round(100 * min(1.0, column.effect_size or 0.0), 1),
        floor_percent=round(100 * min(1.0, column.effect_floor), 1),
        missing=None if quality.get("missing") is None else 100 * quality["missing"],
        unusual=100 * sum(known) if known else None,
    )


def _picture(column: ColumnDrift) -> Picture | None:
    labels = column.detail.get("bins", [])
    reference, current = column.detail.get("reference", []), column.detail.get("current", [])
    total_before, total_now = sum(reference), sum(current)
    if not total_before or not total_now:
        return None
    shares = [
        (label, before / total_before, now / total_now)
        for label, before, now in zip(labels, reference, current, strict=True)
        if before or now
    ]
    if column.kind == "categorical":
        shares.sort(key=lambda one: -max(one[1], one[2]))
    shares = shares[:_MOST_BARS]
    highest = max(max(before, now) for _, before, now in shares)
    slot = (_WIDTH - 2 * _LEFT) / len(shares)
    room = _HEIGHT - _BOTTOM - 10
    bars = []
    for index, (label, before, now) in enumerate(shares):
        heights = room * before / highest, room * now / highest
        bars.append(
            Bar(
                x=round(_LEFT + slot * index + slot * 0.1, 1),
                width=round(slot * 0.38, 1),
                reference_height=round(heights[0], 1),
                reference_y=round(_HEIGHT - _BOTTOM - heights[0], 1),
                current_height=round(heights[1], 1),
                current_y=round(_HEIGHT - _BOTTOM - heights[1], 1),
                title=f"{label}: {before:.1%} in training, {now:.1%} in this window",
                label=_short(label, slot)
                if len(shares) <= 6 or index in (0, len(shares) - 1)
                else "",
            )
        )
    return Picture(column.column, tuple(bars))


def _short(label: str, slot: float) -> str:
    room = max(4, int(slot / 6))
    return label if len(label) <= room else f"{label[: room - 1]}…"


def _metrics(performance: dict[str, Any]) -> tuple[Metric, ...]:
    realised = performance.get("metrics", {})
    held_out = performance.get("held_out", {})
    return tuple(
        Metric(_NAMES[name], _number(held_out.get(name)), _number(realised.get(name)))
        for name in _METRICS
        if _number(realised.get(name)) is not None
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None

"""The target's course: the share of each class, or the mean, one period after the other.

Periods are hours, days, weeks, months, quarters or years of the timestamp column, the finest unit of
which there are at most 60; without a timestamp column, 40 stretches of rows of (almost) equal length:
files are often written in the order of time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datasets.profile.sample import Codes, Floats

MOST_PERIODS = 60
STRETCHES = 40
CLASSES_SHOWN = 5
_Z = 1.959963984540054
_UNITS: tuple[tuple[str, str, int], ...] = (
    ("hour", "h", 1),
    ("day", "D", 1),
    ("week", "W", 1),
    ("month", "M", 1),
    ("quarter", "M", 3),
    ("year", "Y", 1),
)


@dataclass(frozen=True, slots=True)
class Period:
    """One stretch of time or of rows; ``values`` and their limits are in the order of the series."""

    label: str
    rows: int
    values: tuple[float | None, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a target.

    Attributes
    ----------
    by
        The timestamp column, or None for the order of the rows.
    unit
        ``hour`` to ``year``, or ``rows``.
    kind
        ``share`` of classes (limits: Wilson's 95 % interval), or ``mean`` (limits: ± 1.96 standard
        errors).
    series
        The classes, the most frequent first, at most 5; or the target's name.
    """

    target: str
    by: str | None
    unit: str
    kind: str
    series: tuple[str, ...]
    periods: tuple[Period, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "target": self.target,
            "by": self.by,
            "unit": self.unit,
            "kind": self.kind,
            "series": list(self.series),
            "periods": [
                {
                    "label": one.label,
                    "rows": one.rows,
                    "values": list(one.values),
                    "lows": list(one.lows),
                    "highs": list(one.highs),
                }
                for one in self.periods
            ],
        }


@dataclass(slots=True)
class TargetCourse:
    """Collects target and time, fed batch by batch; 16 bytes of memory a row.

    Parameters
    ----------
    is_classes
        Whether the target's values are classes or numbers.
    """

    target: str
    by: str | None
    is_classes: bool
    _labels: dict[Any, int] = field(default_factory=dict)
    _values: list[Floats] = field(default_factory=list)
    _times: list[Codes] = field(default_factory=list)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in further rows, in their order."""
        values = batch.column(self.target)
        if self.is_classes:
            encoded = values.dictionary_encode()
            known = [
                self._labels.setdefault(label, len(self._labels))
                for label in encoded.dictionary.to_pylist()
            ]
            at = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
            self._values.append(np.array([*known, np.nan], np.float32)[at])
        else:
            plain = values.cast(pa.float64(), safe=False)
            self._values.append(plain.to_numpy(zero_copy_only=False))
        if self.by is not None:
            times = batch.column(self.by).cast(pa.int64())
            missing = np.iinfo(np.int64).min
            self._times.append(times.fill_null(missing).to_numpy(zero_copy_only=False))

    def result(self) -> Course | None:
        """Return the course; None when no row has both a target and a time."""
        values = np.concatenate(self._values) if self._values else np.zeros(0)
        known = ~np.isnan(values)
        if self.by is None:
            unit = "rows"
            place, labels = _stretches(len(values))
        else:
            times = np.concatenate(self._times)
            known &= times != np.iinfo(np.int64).min
            if not known.any():
                return None
            unit, place, labels = _calendar(times, known)
        if not known.any():
            return None
        place, values = place[known], values[known].astype(np.float64)
        if self.is_classes:
            series, kind, periods = self._shares(place, values, labels)
        else:
            series, kind, periods = (self.target,), "mean", _means(place, values, labels)
        return Course(self.target, self.by, unit, kind, series, periods)

    def _shares(
        self, place: Codes, values: Floats, labels: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str, tuple[Period, ...]]:
        codes = values.astype(np.int64)
        frequent = Counter(dict(enumerate(np.bincount(codes).tolist()))).most_common(CLASSES_SHOWN)
        names = {code: _name(label) for label, code in self._labels.items()}
        shown = [code for code, _ in frequent]
        if len(self._labels) == 2 and len(shown) == 2:
            shown = shown[1:]  # The share of the rarer of two classes says all.
        counts = np.bincount(place, minlength=max(labels) + 1)
        of_class = [np.bincount(place[codes == code], minlength=len(counts)) for code in shown]
        periods = []
        for at, label in sorted(labels.items()):
            n = int(counts[at])
            limits = [wilson(int(one[at]), n) for one in of_class]
            periods.append(
                Period(
                    label,
                    n,
                    tuple(int(one[at]) / n if n else None for one in of_class),
                    tuple(low for low, _ in limits),
                    tuple(high for _, high in limits),
                )
            )
        return tuple(names[code] for code in shown), "share", tuple(periods)


def wilson(count: int, rows: int) -> tuple[float | None, float | None]:
    """Return Wilson's 95 % score interval of a share; (None, None) of no rows.

    (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n), with z = 1.96.

    References
    ----------
    Wilson: Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22 (1927), 209-212.

    Examples
    --------
    >>> low, high = wilson(5, 10)
    >>> round(low, 4), round(high, 4)
    (0.2366, 0.7634)
    """
    if rows == 0:
        return None, None
    p, z2 = count / rows, _Z * _Z
    middle = (p + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = _Z * math.sqrt(p * (1 - p) / rows + z2 / (4 * rows * rows)) / (1 + z2 / rows)
    # Rounding may put a limit on the wrong side of a share of 0 or 1.
    return min(p, max(0.0, middle - reach)), max(p, min(1.0, middle + reach))


def _means(place: Codes, values: Floats, labels: Mapping[int, str]) -> tuple[Period, ...]:
    size = max(labels) + 1
    scale = float(np.abs(values).max()) or 1.0
    small = values / scale
    n = np.bincount(place, minlength=size)
    s = np.bincount(place, small, minlength=size)
    mean = s / np.maximum(n, 1)
    wrong = np.bincount(place, (small - mean[place]) ** 2, minlength=size)
    periods = []
    for at, label in sorted(labels.items()):
        rows = int(n[at])
        if rows == 0:
            periods.append(Period(label, 0, (None,), (None,), (None,)))
            continue
        middle = float(mean[at]) * scale
        reach = None
        if rows > 1:
            reach = _Z * math.sqrt(float(wrong[at]) / (rows - 1) / rows) * scale
        low = None if reach is None else middle - reach
        high = None if reach is None else middle + reach
        periods.append(Period(label, rows, (_finite(middle),), (_finite(low),), (_finite(high),)))
    return tuple(periods)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _name(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _stretches(rows: int) -> tuple[Codes, dict[int, str]]:
    count = min(STRETCHES, max(1, rows))
    place = np.arange(rows, dtype=np.int64) * count // max(rows, 1)
    starts = [-(-at * rows // count) for at in range(count + 1)]
    return place, {at: f"rows {starts[at] + 1:,} to {starts[at + 1]:,}" for at in range(count)}


def _calendar(micros: Codes, known: npt.NDArray[np.bool_]) -> tuple[str, Codes, dict[int, str]]:
    moments = np.where(known, micros, micros[known][0]).astype("datetime64[us]")
    for name, code, step in _UNITS:
        counted = moments.astype(f"datetime64[{code}]").astype(np.int64) // step
        first, last = int(counted[known].min()), int(counted[known].max())
        if last - first < MOST_PERIODS:
            labels = {
                at: _called((first + at) * step, code, name) for at in range(last - first + 1)
            }
            return name, counted - first, labels
    # More than sixty years: as many years at once as it takes.
    step = -(-(last - first + 1) // MOST_PERIODS)
    counted = (counted - first) // step
    labels = {
        at: _called(first + at * step, "Y", "year") for at in range((last - first) // step + 1)
    }
    return f"{step} years", counted, labels


def _called(number: int, code: str, unit: str) -> str:
    """Return how a period is called that is counted from 1970 in NumPy's unit ``code``."""
    text = str(np.array([number]).astype(f"datetime64[{code}]")[0])
    if unit == "hour":
        return f"{text.replace('T', ' ')}:00"
    if unit == "quarter":
        return f"{text[:-3]} Q{(int(text[-2:]) - 1) // 3 + 1}"
    return text

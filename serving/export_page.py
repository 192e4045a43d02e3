"""An export as a person reads it: what was tried, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.models import ModelExport


@dataclass(frozen=True, slots=True)
class Cell:
    """What was found with one kind of rows; ``is_good`` is None where nothing was asked."""

    text: str
    is_good: bool | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One dialect or file, over all kinds of rows."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ExportPage:
    """The parts of the page.

    Attributes
    ----------
    compared
        What the lines are about: a dialect, or a file.
    facts
        Name and value of what the server was, or how large the files are.
    """

    tone: str
    headline: str
    text: str
    compared: str
    kinds: tuple[str, ...]
    lines: tuple[Line, ...]
    facts: tuple[tuple[str, str], ...]
    checks: Sequence[Mapping[str, Any]]
    not_tried: Sequence[str]
    problems: Sequence[str]


def export_page(export: ModelExport) -> ExportPage:
    """Return the page of an export from its row (with job loaded)."""
    found: Mapping[str, Any] = export.smoke_test
    is_mobile = export.kind == ModelExport.Kind.MOBILE
    measured: Sequence[Mapping[str, Any]] = found.get("parity" if is_mobile else "dialects", ())
    kinds = tuple(dict.fromkeys(str(one["kind"]) for one in measured))
    tone, headline, text = _banner(export)
    return ExportPage(
        tone=tone,
        headline=headline,
        text=text,
        compared="File" if is_mobile else "Dialect",
        kinds=kinds,
        lines=tuple(_lines(measured, kinds, "file" if is_mobile else "dialect")),
        facts=tuple(_facts(found)),
        checks=found.get("checks", ()),
        not_tried=found.get("not_tried", ()),
        problems=found.get("problems", ()),
    )


def size_text(size_bytes: int) -> str:
    """Return a size as a person reads it.

    Examples
    --------
    >>> size_text(189_142)
    '185 KiB'
    """
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def _banner(export: ModelExport) -> tuple[str, str, str]:
    job = export.job
    if export.status == ModelExport.Status.READY:
        return (
            "good",
            "Ready to be downloaded",
            "The archive was unpacked and tried before it was kept; what was found is below.",
        )
    if export.status == ModelExport.Status.BUILDING:
        stage = f" ({job.stage})" if job is not None and job.stage else ""
        return "calm", "Being made", f"The job makes the archive and tries it{stage}."
    said = job.error_message if job is not None else ""
    return "bad", "There is no archive", said or "The job did not come to its end."


def _lines(
    measured: Iterable[Mapping[str, Any]], kinds: Sequence[str], named_by: str
) -> Iterable[Line]:
    by_name: dict[str, dict[str, Cell]] = {}
    for one in measured:
        others = one.get("mismatches", one.get("label_mismatches", 0))
        text = f"{one['rows']} rows, apart by {one['largest_difference']:.2g}"
        if one.get("status", 200) != 200:
            text = f"{one['rows']} rows, refused ({one['status']})"
        if others:
            text += f", {others} other answers"
        by_name.setdefault(str(one[named_by]), {})[str(one["kind"])] = Cell(text, one["passed"])
    for name, cells in by_name.items():
        yield Line(name, tuple(cells.get(kind, Cell("—")) for kind in kinds))


def _facts(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if server := found.get("server"):
        framework = f"{server['framework']} {server['framework_version']}".strip()
        yield (
            "Server",
            framework if server["with_framework"] else f"{framework}, not installed here",
        )
        yield "Python", str(server["python"])
        yield "Ready after", f"{server['seconds_to_ready']:g} s"
    if refusal := found.get("refusal"):
        same = "as the site refuses it" if refusal["passed"] else "otherwise than the site"
        yield "A request that does not fit", f"refused ({refusal['status']}), {same}"
    for name, size in found.get("sizes_bytes", {}).items():
        yield name, size_text(size)
    if "tolerance" in found:
        yield "Allowed difference", f"{found['tolerance']:g}"

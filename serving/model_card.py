"""A model version as a card: what it is for, how good it is, where it comes from (Markdown)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from models_registry.models import GateResult, ModelVersion
from models_registry.selectors import current_gate_results, lineage_of
from models_registry.version_report import VersionReport, report_of

_PASSED = {"passed": "passed", "failed": "**failed**", "warned": "failed (only warns)"}


def model_card(version: ModelVersion) -> str:
    """Return the card of a version as it stands now: with what its gates said last."""
    results: list[GateResult] = list(current_gate_results(version))
    report = report_of(version, results, [])
    return "\n".join(
        [
            f"# {version.model.name}, version {version.number}",
            "",
            *_intended_use(version),
            *_section("What it is", _identity(version)),
            *_scores(report),
            *_gates(report),
            *_section("Where it comes from", _origin(version)),
            *_inputs(report),
            *_section("How it was trained", report.spec),
            *_section("With what", report.environment),
            *_runtimes(report),
        ]
    )


def _intended_use(version: ModelVersion) -> Iterator[str]:
    yield "## Intended use"
    yield ""
    described = version.model.description.strip()
    yield described or (
        "Nobody has written down what the model is for: describe it on its page, and export it again."
    )
    yield ""
    if version.erased_row_count:
        yield (
            f"**{version.erased_row_count:,} of the rows that it was trained on were erased since.** "
            "A model cannot unlearn: train it again on what is left."
        )
        yield ""


def _identity(version: ModelVersion) -> Iterator[tuple[str, str]]:
    yield "Task", version.task
    yield "Estimator", version.estimator
    yield "Trained", f"{version.created_at:%Y-%m-%d %H:%M} UTC"
    yield "Validation", version.get_validation_display()
    yield "Artifact (skops), SHA-256", f"`{version.artifact_digest}`"
    if version.onnx_digest:
        yield "ONNX, SHA-256", f"`{version.onnx_digest}`"
    yield "Runtime that answers", version.runtime


def _origin(version: ModelVersion) -> Iterator[tuple[str, str]]:
    lineage = lineage_of(version)
    data, run = lineage["dataset_version"], lineage["run"]
    if data is not None:
        yield "Data", f"{data['dataset']} v{data['number']}, {data['rows']:,} rows"
        yield "Rows, SHA-256", f"`{data['sha256']}`"
    if run is not None:
        yield "Run", str(run["run_id"])
    yield "Seed", str(version.seed)


def _scores(report: VersionReport) -> Iterator[str]:
    rows = [
        (one.name, one.value, one.baseline, one.cross_validated or "—") for one in report.scores
    ]
    yield from _table(
        "Metrics",
        ("metric", "held out", "naive baseline", "cross-validated"),
        rows,
        "None was logged.",
    )


def _gates(report: VersionReport) -> Iterator[str]:
    rows = [
        (_PASSED[one.state], one.name, one.value, one.threshold, one.reason) for one in report.gates
    ]
    yield from _table(
        "Gates", ("verdict", "condition", "value", "threshold", "why"), rows, "None has been run."
    )


def _inputs(report: VersionReport) -> Iterator[str]:
    rows = [
        (one.name, one.type, "yes" if one.nullable else "no", one.categories)
        for one in report.inputs
    ]
    yield from _table("Inputs", ("column", "type", "may be null", "categories"), rows, "None.")
    yield f"Output: {_cell(report.output)}."
    yield ""


def _runtimes(report: VersionReport) -> Iterator[str]:
    rows = [
        (one.name + (" (chosen)" if one.is_chosen else ""), *one.differences, one.remark)
        for one in report.runtimes
    ]
    heads = ("runtime", *(f"{kind} rows" for kind in report.row_kinds), "remark")
    yield from _table(
        "Largest difference from scikit-learn, by kind of rows", heads, rows, "Not measured."
    )


def _section(title: str, facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from _table(title, ("", ""), list(facts), "Nothing was recorded.")


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], otherwise: str
) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if rows:
        yield f"| {' | '.join(heads)} |"
        yield "|---" * len(heads) + "|"
        yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    else:
        yield otherwise
    yield ""


def _cell(text: str) -> str:
    """Return a text that breaks no table."""
    return " ".join(str(text).replace("|", "\\|").split())

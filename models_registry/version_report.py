"""A model version as a person reads it: what its numbers say, ready for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.metric_lines import metric_lines
from models_registry.gates import HIGHER_IS_BETTER
from models_registry.models import (
    ApprovalRequest,
    GateResult,
    ModelVersion,
    Validation,
    VersionStatus,
)
from models_registry.selectors import CHAMPION

_SHOWN_CATEGORIES = 8
#: What stands for a version in a list: the first of these that was measured.
_HEADLINES = ("roc_auc", "accuracy", "r2", "rmse")
_ROW_KINDS = ("real", "random", "edge", "missing")


@dataclass(frozen=True, slots=True)
class Banner:
    """Where the version stands, in one sentence; ``tone`` is good, calm, warn or bad."""

    tone: str
    headline: str
    text: str


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A metric of the version beside that of a naive model."""

    name: str
    value: str
    cross_validated: str
    baseline: str
    is_better: bool | None


@dataclass(frozen=True, slots=True)
class GateLine:
    """What one gate said."""

    state: str
    name: str
    value: str
    threshold: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuntimeLine:
    """A way to compute the answers, and how far it is from scikit-learn on each kind of rows."""

    name: str
    is_chosen: bool
    microseconds: str
    differences: tuple[str, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class FieldLine:
    """An input column."""

    name: str
    type: str
    nullable: bool
    categories: str


@dataclass(frozen=True, slots=True)
class VersionReport:
    """All parts of a version's page."""

    banner: Banner
    scores: tuple[ScoreLine, ...]
    gates: tuple[GateLine, ...]
    judged_at: Any
    runtimes: tuple[RuntimeLine, ...]
    row_kinds: tuple[str, ...]
    runtime_reason: str
    explanation: str
    inputs: tuple[FieldLine, ...]
    output: str
    decision: str
    spec: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]


def report_of(
    version: ModelVersion, results: Sequence[GateResult], approvals: Sequence[ApprovalRequest]
) -> VersionReport:
    """Return a version's page from its row, its current gate results and its approvals."""
    kinds = tuple(
        kind for kind in _ROW_KINDS if kind in version.runtime_report.get("kinds", _ROW_KINDS)
    )
    return VersionReport(
        banner=_banner(version, results, approvals),
        scores=tuple(_scores(version)),
        gates=tuple(gate_line(result) for result in results),
        judged_at=results[0].at if results else None,
        runtimes=tuple(_runtimes(version.runtime_report, kinds)),
        row_kinds=kinds,
        runtime_reason=str(version.runtime_report.get("reason", "")),
        explanation=_explanation(version.runtime_report.get("explanation", {})),
        inputs=tuple(_inputs(version.signature)),
        output=_output(version.signature),
        decision=_decision(version.decision),
        spec=tuple(_facts(version.spec or _shown_upload(version.upload))),
        environment=tuple(_facts(version.environment)),
    )


def headline_metric(version: ModelVersion) -> str:
    """Return the one number that stands for a version in a list, e.g. ``roc_auc 0.912``."""
    for name in _HEADLINES:
        value = version.metrics.get(name)
        if isinstance(value, int | float):
            return f"{name} {value:.4g}"
    return "—"


def gate_line(result: GateResult) -> GateLine:
    """Return what a gate said; a failed one that is not required only warns."""
    failed = "failed" if result.required else "warned"
    if not result.measured:
        failed = "not measured"
    return GateLine(
        "passed" if result.passed else failed,
        result.name,
        _number(result.value),
        _number(result.threshold),
        result.reason,
    )


def _banner(
    version: ModelVersion, results: Sequence[GateResult], approvals: Sequence[ApprovalRequest]
) -> Banner:
    names = {alias.name for alias in version.aliases.all()}
    if CHAMPION in names:
        return Banner("good", "Champion", f"Endpoints of {version.model.name} answer with it.")
    if version.status != VersionStatus.READY:
        return Banner(
            "bad" if version.status != VersionStatus.RETIRED else "calm",
            version.get_status_display(),
            _WHY_NOT_READY.get(version.status, "Its files are not in use yet."),
        )
    if version.validation == Validation.FAILED:
        failed = [result for result in results if result.required and not result.passed]
        said = "; ".join(f"{result.name}: {result.reason}" for result in failed)
        return Banner("bad", "Did not pass its gates", said or "No required gate was there.")
    if version.validation == Validation.INCOMPLETE:
        unknown = "; ".join(one.reason for one in results if one.required and not one.measured)
        return Banner(
            "warn",
            "Not fully measured",
            f"Nothing failed, but {unknown}. It may be promoted when an administrator lets it through.",
        )
    if version.validation not in (Validation.PASSED, Validation.WAIVED):
        return Banner("calm", "Not validated", "It may be promoted when its gates have passed.")
    said = (
        "Its gates have passed."
        if version.validation == Validation.PASSED
        else "Gates failed, and an administrator let it through."
    )
    if version.model.requires_approval and not _is_approved(version, approvals):
        return Banner("warn", "Waits for approval", f"{said} A second person must approve it.")
    return Banner(
        "good" if version.validation == Validation.PASSED else "warn", "Fit to be promoted", said
    )


_WHY_NOT_READY: Mapping[str, str] = {
    VersionStatus.QUARANTINED: "It cannot be promoted until somebody releases it.",
    VersionStatus.RETIRED: "It was taken out of use for good.",
    VersionStatus.FAILED: "Its files could not be stored.",
}


def _is_approved(version: ModelVersion, approvals: Sequence[ApprovalRequest]) -> bool:
    return any(
        one.status == ApprovalRequest.Status.APPROVED
        and one.artifact_digest == version.artifact_digest
        for one in approvals
    )


def _scores(version: ModelVersion) -> Iterator[ScoreLine]:
    for line in metric_lines(version.metrics):
        value, naive = version.metrics[line.name], version.baseline_metrics.get(line.name)
        is_better = None
        if value is not None and naive is not None and line.name in HIGHER_IS_BETTER:
            is_better = value > naive if HIGHER_IS_BETTER[line.name] else value < naive
        yield ScoreLine(line.name, line.value, line.cross_validated, _number(naive), is_better)


def _runtimes(report: Mapping[str, Any], kinds: Sequence[str]) -> Iterator[RuntimeLine]:
    chosen, _, for_missing = str(report.get("chosen", "")).partition("+")
    for name in ("linear", "onnx", "trees", "native", "uploaded"):
        found = report.get(name)
        if not isinstance(found, Mapping):
            continue
        agreement = found.get("agreement", {})
        if name == "native":
            remark = "scikit-learn itself"
        elif name == "uploaded":
            remark = _refused_kinds(found.get("refused", {}))
        elif not found.get("built"):
            remark = str(found.get("reason", "cannot be built"))
        elif chosen == name and for_missing:
            other = "scikit-learn" if for_missing == "native" else for_missing
            remark = f"rows with missing numbers go to {other}"
        else:
            remark = "" if all(agreement[kind]["equal"] for kind in agreement) else "disagrees"
        yield RuntimeLine(
            name=name,
            is_chosen=chosen == name,
            microseconds=_microseconds(found.get("microseconds_per_row")),
            differences=tuple(_difference(agreement.get(kind)) for kind in kinds),
            remark=remark,
        )


def _refused_kinds(refused: Mapping[str, str]) -> str:
    return "; ".join(f"{kind} rows: {why}" for kind, why in refused.items())


def _microseconds(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


_METHODS: Mapping[str, str] = {
    "linear": "from its coefficients",
    "trees": "from the paths of its trees",
    "permutation": "by replacing inputs in random orders",
}


def _explanation(found: Mapping[str, Any]) -> str:
    """Return how answers are explained and what that costs, in a sentence; empty when it was not tried."""
    if not found:
        return ""
    how = "exactly, " if found["exact"] else ""
    times = found["evaluations_per_row"]
    asked = f", the model answering {times:,} times" if times else ""
    milliseconds = found["microseconds_per_row"] / 1000
    return (
        f"Contributions to the {found['quantity']} are found {how}{_METHODS[found['method']]}, "
        f"against {found['reference_rows']} reference rows: {milliseconds:.3g} ms a row{asked}."
    )


def _difference(agreement: Mapping[str, Any] | None) -> str:
    if agreement is None:
        return "—"
    mismatches = agreement["label_mismatches"]
    other = f", {mismatches} other labels" if mismatches else ""
    return f"{agreement['largest_difference']:.2g}{other}"


def _inputs(signature: Mapping[str, Any]) -> Iterator[FieldLine]:
    for field in signature.get("inputs", ()):
        categories = field["categories"] or ()
        shown = ", ".join(categories[:_SHOWN_CATEGORIES])
        more = len(categories) - _SHOWN_CATEGORIES
        yield FieldLine(
            field["name"],
            "moment" if field.get("format") else field["type"],
            field["nullable"],
            f"{shown} and {more:,} more" if more > 0 else shown,
        )


def _output(signature: Mapping[str, Any]) -> str:
    name = signature.get("output_name", "prediction")
    classes = signature.get("classes")
    if signature.get("task") == "anomaly":
        return f"{name}: a score, higher for what is less usual"
    if classes is None:
        return f"{name}: a number"
    return f"{name}: one of {', '.join(str(one) for one in classes)}"


def _decision(decision: Mapping[str, Any]) -> str:
    """Return a threshold with its rule and what it does, as a sentence; empty without one."""
    if not decision:
        return ""
    rule = ", ".join(
        f"{value:g}" if isinstance(value, float) else str(value)
        for value in decision["rule"].values()
    )
    known = {
        name: value
        for name, value in decision.get("held_out", {}).items()
        if name != "rows" and value is not None
    }
    does = ", ".join(f"{name} {value:.3g}" for name, value in known.items())
    said = f"Decides at {decision['threshold']:.4g} (rule: {rule})"
    return f"{said}; on held-out rows {does}." if does else f"{said}."


def _facts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _facts(value)
        elif isinstance(value, list | tuple):
            # The columns themselves are in the signature, beside their types.
            yield name, str(len(value)) if name == "features" else ", ".join(map(str, value))
        elif value is not None:
            yield name, str(value)


def _shown_upload(upload: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = ("filename", "producer", "ir_version", "opsets", "operators", "scores_are", "target")
    return {name: upload[name] for name in shown if upload.get(name)}


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"

"""From rows to a fitted, measured and validated model; no database."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from datasets.schema import ColumnType, Schema
from datasets.schema.arrays import coerce_array
from models_registry.decisions import Decision, DecisionRule, usual_rule
from models_registry.evaluation import reference_table
from models_registry.execution import Candidate, ValidationOutcome, validate
from models_registry.runtimes import Scores
from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import Columns, Signature, columns_from_frame, infer_signature
from training.errors import FeaturesRefused, NotEnoughRows, TargetRefused
from training.estimators import build_estimator, estimator_named, validated_params
from training.execution.deciding import choose_decision, decision_metrics
from training.execution.judging import Judge, Rows, judge_of
from training.execution.preparing import Prepared, prepare_columns
from training.execution.spec import TrainingSpec
from training.limits import FEWEST_ROWS, MOST_CLASSES
from training.pipeline import fit_pipeline
from training.splits import Splitter

Progress = Callable[[float, str, str], None]

_PACKAGES = ("scikit-learn", "numpy", "pandas", "skops", "skl2onnx", "onnxruntime")


@dataclass(frozen=True, slots=True)
class FittedVersion:
    """A model that was fitted, measured and validated, with what belongs to its run.

    Attributes
    ----------
    reference
        Training rows (a sample) with target, and out-of-sample prediction and score: what production is
        compared with.
    split_report
        Policy, seed, counts, boundaries and digests of the split; empty when the rows to test on were given.
    """

    spec: TrainingSpec
    pipeline: Pipeline
    signature: Signature
    metrics: dict[str, float | None]
    baseline: dict[str, float | None]
    cross_validated: dict[str, float | None]
    fold_metrics: tuple[dict[str, float | None], ...]
    plots: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]
    dropped: tuple[dict[str, str], ...]
    reference: pa.Table
    split_digest: str
    split_report: dict[str, Any]
    environment: dict[str, str]
    outcome: ValidationOutcome
    decision: Decision | None = None


def fit_version(
    spec: TrainingSpec,
    table: pa.Table,
    *,
    holdout: pa.Table | None = None,
    types: Mapping[str, str] | None = None,
    declared: Schema | None = None,
    progress: Progress | None = None,
) -> FittedVersion:
    """Fit, measure and validate a model.

    Parameters
    ----------
    table
        The rows; those without a target are left out.
    holdout
        Rows to test on; without them a seeded share of ``table`` is held out.
    types
        The dataset schema's type of each column; the rows are coerced to them as they were when they came in.
    declared
        The edited schema that the rows were held to: its limits and nullability go into the signature.
    progress
        Called with fraction (0 to 1), stage and message; may raise to stop the work.

    Raises
    ------
    TargetRefused, FeaturesRefused, NotEnoughRows
        Nothing can be learnt from these rows.
    """
    tell = progress or _keep_silent
    tell(0.02, "reading", "")
    warnings: list[str] = []
    frame, target, splitter = _labelled(spec, _typed(table, types), warnings)
    report: dict[str, Any] = {}
    if holdout is None:
        split = splitter.split(test_fraction=spec.holdout_fraction, seed=spec.seed)
        if spec.split is None and spec.task == "classification" and not split.is_stratified:
            warnings.append("A class is too small to be split evenly; the split is plainly random.")
        train_rows, test_rows, digest = split.train, split.test, split.digest
        report = splitter.report(split, seed=spec.seed, test_fraction=spec.holdout_fraction)
    else:
        held_frame, held_target, _ = _labelled(spec, _typed(holdout, types), warnings)
        train_rows = np.arange(len(frame))
        test_rows = np.arange(len(frame), len(frame) + len(held_frame))
        frame = pd.concat([frame, held_frame], ignore_index=True)
        target = np.concatenate([target, held_target])
        digest = ""
    _check_learnt(spec, target, train_rows, test_rows)
    prepared = prepare_columns(spec, frame, types or {})
    chosen, choice = prepared.frame, prepared.choice
    classes = _classes(spec, target[train_rows])
    judge = judge_of(spec, target, classes)
    warnings.extend(judge.leakage_suspects(frame, choice.features))
    rule = _rule_of(spec, classes)
    signature = infer_signature(
        chosen,
        task=spec.task,
        classes=classes,
        output_name=spec.target or spec.task,
        moments=prepared.moments,
        integers=[name for name, kind in (types or {}).items() if kind == ColumnType.INTEGER],
    )
    if declared is not None:
        signature = signature.declared_by(declared)
    columns = columns_from_frame(signature, chosen)
    model_frame = columns.to_frame()
    held = columns.take(test_rows)
    fitter = _Fitter(spec, signature, prepared, model_frame, judge.fitted_on, splitter)

    crosswise = _cross_validate(
        list(splitter.folds(train_rows, folds=spec.folds, seed=spec.seed)),
        fitter,
        judge,
        columns,
        train_rows=train_rows,
        held=held,
        tell=tell,
    )
    if not crosswise.pairs:
        warnings.append("There are too few rows of a class for a cross-validation.")
    tell(0.55, "fitting", "")
    pipeline = fitter.fit(train_rows)
    tell(0.7, "evaluating", "")
    scores = NativeRuntime(pipeline, signature).predict(held)
    answers = (test_rows, scores)
    decision = choose_decision(rule, signature, judge, of_folds=crosswise.answers, held_out=answers)
    if rule is not None and decision is None:
        warnings.append(f"No decision threshold does what the rule '{rule.rule}' asks for.")
    metrics = {
        **judge.metrics(test_rows, scores),
        **judge.metrics_beside(scores, crosswise.of_held),
        **decision_metrics(decision),
    }
    baseline = judge.baseline(train_rows, test_rows)
    importances = judge.importances(pipeline, model_frame, test_rows)
    plots = judge.plots(test_rows, scores, importances)
    tell(0.8, "validating", "choosing a runtime")
    outcome = validate(
        Candidate(
            pipeline=pipeline,
            signature=signature,
            held_out=held,
            metrics=metrics,
            baseline_metrics=baseline,
            seed=spec.seed,
        )
    )
    tell(0.95, "storing", "")
    return FittedVersion(
        spec=spec,
        pipeline=pipeline,
        signature=signature,
        metrics=metrics,
        baseline=baseline,
        cross_validated=_mean_of(crosswise.metrics),
        fold_metrics=tuple(crosswise.metrics),
        plots=plots,
        warnings=tuple(dict.fromkeys(warnings)),
        dropped=tuple({"column": one.column, "reason": one.reason} for one in choice.dropped),
        reference=reference_table(
            chosen,
            [*crosswise.answers, answers],
            target=spec.target,
            truth=target if spec.target else None,
            seed=spec.seed,
        ),
        split_digest=digest,
        split_report=report,
        environment=_environment(),
        outcome=outcome,
        decision=decision,
    )


def _rule_of(spec: TrainingSpec, classes: Sequence[Any] | None) -> DecisionRule | None:
    if spec.decision is None:
        return usual_rule(spec.task)
    count = None if classes is None else len(classes)
    return DecisionRule.from_dict(spec.decision, task=spec.task, class_count=count)


def _keep_silent(*_: object) -> None:
    return None


class _Fitter:
    """Builds and fits pipelines that differ in their rows only."""

    def __init__(
        self,
        spec: TrainingSpec,
        signature: Signature,
        prepared: Prepared,
        frame: pd.DataFrame,
        target: npt.NDArray[Any] | None,
        splitter: Splitter,
    ) -> None:
        self._splitter = splitter
        self._spec = spec
        self.signature = signature
        self._prepared = prepared
        self._frame = frame
        self._target = target
        self._entry = estimator_named(spec.estimator, spec.task)
        self._params = validated_params(self._entry, spec.params)
        build_estimator(self._entry, spec.task, self._params, spec.seed)

    def fit(self, rows: npt.NDArray[np.intp]) -> Pipeline:
        return fit_pipeline(
            self._entry,
            self._frame.iloc[rows],
            None if self._target is None else self._target[rows],
            task=self._spec.task,
            params=self._params,
            seed=self._spec.seed,
            signature=self.signature,
            steps=self._prepared.steps,
            moments=self._prepared.moments,
            folding=self._splitter.folding_of(rows),
        )


@dataclass(frozen=True, slots=True)
class _Crosswise:
    """What a cross-validation gave.

    Attributes
    ----------
    answers
        Rows of each fold with their answers.
    of_held
        What the model of each fold says of the rows that were held out; only where the judge asks for it.
    """

    pairs: int
    answers: tuple[tuple[npt.NDArray[np.intp], Scores], ...]
    metrics: tuple[dict[str, float | None], ...]
    of_held: tuple[Scores, ...]


def _cross_validate(
    pairs: Sequence[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]],
    fitter: _Fitter,
    judge: Judge,
    columns: Columns,
    *,
    train_rows: npt.NDArray[np.intp],
    held: Columns,
    tell: Progress,
) -> _Crosswise:
    """Fit on each fold's rows and answer the others; folds that lack a class are left out."""
    answers: list[tuple[npt.NDArray[np.intp], Scores]] = []
    metrics: list[dict[str, float | None]] = []
    of_held: list[Scores] = []
    for number, (fold_train, fold_test) in enumerate(pairs, start=1):
        tell(0.05 + 0.5 * (number - 1) / len(pairs), "cross-validating", f"fold {number}")
        learnt, tested = train_rows[fold_train], train_rows[fold_test]
        if not judge.can_learn_from(learnt):
            continue
        runtime = NativeRuntime(fitter.fit(learnt), fitter.signature)
        scores = runtime.predict(columns.take(tested))
        answers.append((tested, scores))
        metrics.append(judge.metrics(tested, scores))
        if judge.compares_models:
            of_held.append(runtime.predict(held))
    return _Crosswise(len(pairs), tuple(answers), tuple(metrics), tuple(of_held))


def _typed(table: pa.Table, types: Mapping[str, str] | None) -> pa.Table:
    """Return the rows with the Arrow types of the dataset's schema, coerced as ingest coerces them."""
    for at, name in enumerate(table.column_names):
        if types is not None and name in types:
            kind = ColumnType(types[name])
            if table.schema.field(at).type != kind.arrow:
                values = coerce_array(table.column(at).combine_chunks(), kind, name=name)
                table = table.set_column(at, name, values)
    return table


def _labelled(
    spec: TrainingSpec, table: pa.Table, warnings: list[str]
) -> tuple[pd.DataFrame, npt.NDArray[np.object_], Splitter]:
    """Return features, target and the splitter of the rows that have a target."""
    missing = [name for name in spec.columns if name not in table.column_names]
    if missing:
        raise FeaturesRefused(f"The data has no column '{missing[0]}'.", field="features")
    frame = table.select(list(spec.columns)).to_pandas()
    by = frame[spec.split.column] if spec.split is not None and spec.split.column else None
    if spec.task == "anomaly":
        if len(frame) < FEWEST_ROWS:
            raise NotEnoughRows(f"{len(frame)} rows; at least {FEWEST_ROWS} are needed.")
        truth = _known_anomalies(spec, frame)
        by_class = bool(spec.target) and spec.split is None  # what is known is rare
        splitter = Splitter.of(spec.split, truth, by_class=by_class, column=by)
        return frame[list(spec.features)], truth, splitter
    has_target = frame[spec.target].notna().to_numpy()
    if not has_target.all():
        warnings.append(f"{int((~has_target).sum()):,} rows without a target were left out.")
        frame = frame[has_target].reset_index(drop=True)
    if len(frame) < FEWEST_ROWS:
        raise NotEnoughRows(
            f"{len(frame)} rows with a target; at least {FEWEST_ROWS} are needed.", field="target"
        )
    column = frame.pop(spec.target)
    if spec.task == "regression":
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        if not np.isfinite(numbers).all():
            raise TargetRefused(
                "The target of a regression must be finite numbers.", field="target"
            )
        target = numbers.astype(object)
    else:
        target = _labels(table.column(spec.target), has_target)
    by = frame[spec.split.column] if spec.split is not None and spec.split.column else None
    splitter = Splitter.of(spec.split, target, by_class=spec.task == "classification", column=by)
    return frame[list(spec.features)], target, splitter


def _labels(column: pa.ChunkedArray, has_target: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
    """Return the classes of the rows that have one: text, truth values, or whole numbers.

    They are taken from Arrow, because pandas makes doubles of integers beside missing ones; whole numbers of a
    column of doubles become integers.
    """
    values = [one for one, there in zip(column.to_pylist(), has_target, strict=True) if there]
    fraction = next((one for one in values if isinstance(one, float) and one % 1), None)
    if fraction is not None:
        raise TargetRefused(
            f"Classes are text, truth values or whole numbers; there is {fraction!r}.",
            field="target",
        )
    labels = np.empty(len(values), dtype=object)
    labels[:] = [int(one) if isinstance(one, float) else one for one in values]
    return labels


def _known_anomalies(spec: TrainingSpec, frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return True, False, or None where it is not known which."""
    found = np.full(len(frame), None, dtype=object)
    if not spec.target:
        return found
    for row, value in enumerate(frame[spec.target].tolist()):
        if value is None or value != value:  # NaN differs from itself
            continue
        if value not in (0, 1):
            raise TargetRefused(
                f"Whether a row is an anomaly is said by true and false, or 1 and 0; there is {value!r}.",
                field="target",
            )
        found[row] = bool(value)
    return found


def _classes(spec: TrainingSpec, target: npt.NDArray[np.object_]) -> list[Any] | None:
    if spec.task != "classification":
        return None
    classes = sorted(set(target.tolist()))
    if len(classes) < 2:
        raise TargetRefused("The target has one class only.", field="target")
    if len(classes) > MOST_CLASSES:
        raise TargetRefused(
            f"The target has {len(classes):,} classes; at most {MOST_CLASSES} can be learnt.",
            field="target",
        )
    return classes


def _check_learnt(
    spec: TrainingSpec, target: npt.NDArray[np.object_], train: Rows, test: Rows
) -> None:
    """Refuse rows to test on whose class is not among those to learn from."""
    if spec.task != "classification":
        return
    unknown = sorted(map(str, set(target[test].tolist()) - set(target[train].tolist())))
    if unknown:
        raise TargetRefused(
            f"The class '{unknown[0]}' would be tested but never learnt: only held-out rows have it.",
            field="target",
        )


def _mean_of(folds: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return mean and standard deviation over the folds as ``cv_<metric>`` and ``cv_<metric>_std``."""
    summary: dict[str, float | None] = {}
    for name in folds[0] if folds else ():
        values = [value for one in folds if (value := one[name]) is not None]
        summary[f"cv_{name}"] = float(np.mean(values)) if values else None
        summary[f"cv_{name}_std"] = float(np.std(values)) if values else None
    return summary


def _environment() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        **{name: package_version(name) for name in _PACKAGES},
    }

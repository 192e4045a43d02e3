"""Batch scoring: a dataset version in, a dataset version out, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from accounts.models import Role
from accounts.principals import Principal
from datasets import lake
from datasets.selectors.retention import uses_of_versions
from jobs import execution as job_execution
from jobs.errors import JobCancelled
from jobs.execution import handlers
from models_registry.loading import load_version
from serving import services
from serving.batch_scoring import Shard, ShardFolder
from serving.execution import scoring as execution
from tests.models_registry.fitting import fit, frame_of
from tests.serving.batches import SMALL, Run, scored, small_shards, store  # noqa: F401 (a fixture)
from tests.serving.versions import register


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        ("logistic", "binary"),
        ("random_forest", "multiclass"),
        ("hist_gradient_boosting", "regression"),
    ],
)
@pytest.mark.usefixtures("small_shards")
def test_every_row_gets_the_answer_that_the_model_gives(
    principal_as: Callable[[Role], Principal], run_job: Run, estimator: str, kind: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    version = store(principal)
    model = register(principal, estimator, kind)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version, keep="all"
    )
    found = scored(scoring, run_job)

    from models_registry.signatures import columns_from_frame

    one = fit(estimator, kind)
    expected = load_version(model).predict(columns_from_frame(one.signature, frame_of()))
    assert found["source_row"].to_pylist() == list(range(400))
    assert found["person_id"].to_pylist() == list(range(1000, 1400))
    assert set(found["model_version"].to_pylist()) == {model.number}
    if one.signature.classes is None:
        np.testing.assert_allclose(found["prediction"].to_numpy(), expected.labels)
        return
    assert found["prediction"].to_pylist() == list(expected.labels)
    assert expected.probabilities is not None
    for place, name in enumerate(one.signature.classes):
        np.testing.assert_allclose(
            found[f"probability_{name}"].to_numpy(), expected.probabilities[:, place]
        )


def test_the_result_says_where_it_comes_from_and_holds_both_versions(
    principal_as: Callable[[Role], Principal], run_job: Run
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version
    )
    scored(scoring, run_job)
    made = scoring.output_version
    assert made is not None
    assert made.source["model_version"] == model.pk
    assert made.source["input_version"] == version.pk
    assert made.source["input_sha256"] == version.sha256
    assert made.dataset.name == "people scored by churn"
    uses = uses_of_versions([version.pk, made.pk])
    assert "batch scoring" in " ".join(uses[version.pk])
    assert "batch scoring" in " ".join(uses[made.pk])


@pytest.mark.usefixtures("small_shards")
def test_rows_that_do_not_fit_have_no_answer_and_say_why(
    principal_as: Callable[[Role], Principal], run_job: Run
) -> None:
    principal = principal_as(Role.ADMIN)
    regions: list[Any] = frame_of()["region"].tolist()
    regions[70] = None
    sizes = frame_of()["size"].to_numpy().copy()
    sizes[3] = 1e300
    version, model = store(principal, region=regions, size=sizes), register(principal)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version
    )
    found = scored(scoring, run_job)
    problems = {
        row: text for row, text in enumerate(found["prediction_problem"].to_pylist()) if text
    }
    assert problems == {
        3: "size: the number is too large",
        70: "region: null is not a value of this column",
    }
    assert [found["prediction"][row].as_py() for row in (3, 70)] == [None, None]
    assert found["prediction"].null_count == 2
    assert scoring.rows_refused == 2


@pytest.mark.usefixtures("small_shards")
def test_a_second_attempt_scores_only_what_is_missing(
    principal_as: Callable[[Role], Principal],
    run_job: Run,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    read: list[int] = []
    genuine = lake.Stretches.batches

    def reads(rows: lake.Stretches, first_row: int, *args: Any, **kwargs: Any) -> Any:
        read.append(first_row)
        if len(read) == 3:
            raise KeyboardInterrupt  # as sudden as a kill: nothing of ours handles it
        return genuine(rows, first_row, *args, **kwargs)

    monkeypatch.setattr(lake.Stretches, "batches", reads)
    monkeypatch.setattr("django.conf.settings.SCORING_THREADS", 1)
    first = job_execution.claim(scoring.job.pk, worker="one")
    assert first is not None
    with pytest.raises(KeyboardInterrupt):
        job_execution.carry_out(first)
    assert lake.table_version(lake.dataset_path(scoring.output_dataset)) is None
    files = (Path(settings.SCORING_ROOT) / str(scoring.job.pk)).glob("*.arrow")
    kept = {SMALL * int(one.stem) for one in files}
    assert {0, 64} <= kept
    assert 128 not in kept
    read.clear()
    read.extend([-1] * 3)
    job_execution.put_back(first, reason="killed")
    done = run_job(scoring.job)
    assert done.status == "succeeded", done.error_message
    assert sorted(read[3:]) == sorted(set(range(0, 400, SMALL)) - kept)
    scoring.refresh_from_db()
    assert scoring.output_version is not None
    assert lake.read_table(scoring.output_version)["source_row"].to_pylist() == list(range(400))


@pytest.mark.usefixtures("small_shards")
def test_a_cancel_while_rows_are_scored_leaves_the_lake_as_it_was(
    principal_as: Callable[[Role], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    genuine = lake.Stretches.batches

    def slowly(rows: lake.Stretches, first_row: int, *args: Any, **kwargs: Any) -> Any:
        if first_row == 2 * SMALL:
            asked.wait(30)
        return genuine(rows, first_row, *args, **kwargs)

    def progress(context: Any, fraction: float, *said: str) -> None:
        told.append(fraction)
        if said[1:] and said[1].startswith("2 of 7"):
            asked.set()
            raise JobCancelled

    asked = threading.Event()
    told: list[float] = []
    monkeypatch.setattr(lake.Stretches, "batches", slowly)
    monkeypatch.setattr("jobs.execution.JobContext.progress", progress)
    monkeypatch.setattr("django.conf.settings.SCORING_THREADS", 1)
    claim = job_execution.claim(scoring.job.pk, worker="one")
    assert claim is not None
    job_execution.carry_out(claim)
    scoring.job.refresh_from_db()
    assert scoring.job.status == "cancelled"
    assert told == sorted(told)
    output = Path(lake.dataset_path(scoring.output_dataset))
    assert not list(output.rglob("*.parquet"))
    assert lake.table_version(str(output)) is None


@pytest.mark.usefixtures("small_shards")
def test_an_attempt_that_died_after_its_commit_leaves_one_version(
    principal_as: Callable[[Role], Principal], run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    claim = job_execution.claim(scoring.job.pk, worker="one")
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(execution, "_record", _die)
        with pytest.raises(KeyboardInterrupt):
            job_execution.carry_out(claim)
    job_execution.put_back(claim, reason="killed")
    scored(scoring, run_job)
    assert scoring.output_version is not None
    assert scoring.output_version.delta_version == 0
    assert lake.table_version(lake.dataset_path(scoring.output_dataset)) == 0
    assert scoring.output_version.row_count == 400


def _die(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_on_disk_when_it_is_done(
    principal_as: Callable[[Role], Principal], run_job: Run, settings: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    scored(scoring, run_job)
    assert list(Path(settings.SCORING_ROOT).iterdir()) == []


def test_a_cancelled_scoring_throws_its_shards_away(
    principal_as: Callable[[Role], Principal], settings: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    folder = Path(settings.SCORING_ROOT) / str(scoring.job.pk)
    ShardFolder(folder, {})
    scoring.job.status = "cancelled"
    handlers.tell_of_failure(scoring.job)
    assert not folder.exists()


def test_shards_of_another_plan_are_thrown_away(tmp_path: Path) -> None:
    shard = Shard(0, 0, 2)
    rows = pa.table({"a": [1, 2]})
    folder = ShardFolder(tmp_path / "one", {"model": 1})
    folder.write(shard, rows.schema, rows.to_batches())
    assert pa.Table.from_batches(folder.read(shard)).equals(rows)
    assert ShardFolder(tmp_path / "one", {"model": 1}).has(shard)
    assert not ShardFolder(tmp_path / "one", {"model": 2}).has(shard)

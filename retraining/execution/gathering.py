"""Gathering what a retraining needs: the policy, the champion, and the rows that are new to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from core.errors import NotFound
from datasets import lake
from datasets.models import DatasetVersion, SourceKind, Use
from datasets.schema import Schema
from datasets.selectors import require_use
from jobs.execution import JobContext
from models_registry.models import ModelVersion, Task
from models_registry.signatures import Signature
from monitoring.execution.traffic import ARRIVED_AT, address_of
from monitoring.models import Alert
from monitoring.selectors import labelled_predictions
from retraining import selectors
from retraining.errors import LabelledRowsUnusable, NothingToRetrain
from retraining.labelled_rows import (
    LabelledRows,
    UnusableRowsError,
    extended_table,
    fresh_rows,
    labelled_table,
    split_by_arrival,
)
from retraining.models import RetrainPolicy, Trigger

#: Newest labelled rows that one retraining looks at.
MAX_LABELLED_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Request:
    """What a retraining job was asked for."""

    policy: RetrainPolicy
    trigger: Trigger
    alert: Alert | None
    champion: ModelVersion
    signature: Signature

    @property
    def target(self) -> str:
        """The column that the champion predicts."""
        return str(self.champion.spec["target"])


@dataclass(frozen=True, slots=True)
class Labels:
    """The labelled rows of an endpoint, in the order in which the labels arrived.

    Attributes
    ----------
    joined
        How many labelled rows the endpoint has, as far as their predictions are in the lake.
    fresh
        Those that the champion has not learned from.
    """

    joined: int
    fresh: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Material:
    """The rows of a retraining as tables.

    Attributes
    ----------
    training
        The champion's training data with the older labelled rows below it.
    base_rows
        How many rows of it are the champion's.
    appends
        Whether the types are still those of the champion's data, so that rows can be appended.
    newest
        The rows that are kept back, as a table with the same columns.
    transaction_id
        Names the write of exactly these rows.
    labels_through
        The last prediction whose label is part of the training data.
    """

    training: pa.Table
    base_rows: int
    appends: bool
    newest: pa.Table
    transaction_id: str
    labels_through: str

    @property
    def older(self) -> pa.Table:
        """The labelled rows that join the training data."""
        return self.training.slice(self.base_rows)

    @property
    def rows_added(self) -> int:
        """How many they are."""
        return int(self.training.num_rows) - self.base_rows


def read_request(context: JobContext) -> Request:
    """Return what the job was asked for, with the champion of this moment.

    Raises
    ------
    NotFound
        The policy is gone.
    NothingToRetrain
        There is no champion that was trained here any more.
    datasets.errors.DatasetNotShared, datasets.errors.GrantNotEnough
        Its training data was shared by another project, and that is over.
    """
    arguments = context.arguments
    policy = (
        selectors.policies()
        .filter(pk=arguments["policy"], endpoint__project_id=context.principal.project_id)
        .first()
    )
    if policy is None:
        raise NotFound("The retrain policy is gone.")
    champion = selectors.champion_of(policy)
    if champion is None or champion.dataset_version is None or not champion.spec:
        raise NothingToRetrain("The endpoint has no champion that was trained here.")
    if champion.task == Task.ANOMALY:
        raise NothingToRetrain(
            f"{champion} finds anomalies; no right answers can judge a challenger."
        )
    require_use(context.principal, champion.dataset_version.dataset, Use.TRAIN)
    return Request(
        policy=policy,
        trigger=Trigger(arguments["trigger"]),
        alert=Alert.objects.filter(pk=arguments.get("alert") or 0).first(),
        champion=champion,
        signature=Signature.from_dict(champion.signature),
    )


def gather_labels(request: Request) -> Labels:
    """Return the endpoint's labelled rows and those that are new to the champion."""
    rows = labelled_predictions(endpoint=request.policy.endpoint, newest=MAX_LABELLED_ROWS)
    labelled = rows[rows["label"].notna()]
    return Labels(
        joined=len(rows), fresh=fresh_rows(labelled, labels_through=_labels_through(request))
    )


def _labels_through(request: Request) -> str | datetime | None:
    """Return the endpoint's last prediction whose label the champion was trained on, or when that label arrived.

    None without any. Rows that were appended since, by an upload or for another endpoint, lie upon those of a
    retraining or of the endpoint's traffic as a source: the versions that the champion's data grew from are gone
    through, the newest first.
    """
    version = request.champion.dataset_version
    endpoint = request.policy.endpoint.name
    while version is not None:
        source: dict[str, Any] = version.source
        if source.get("kind") == "production" and source.get("endpoint") == endpoint:
            return str(source["labels_through"])
        is_traffic = source.get("reader") == SourceKind.TRAFFIC
        if is_traffic and source.get("address") == address_of(endpoint):
            return _last_arrival(version)
        version = version.parent
    return None


def _last_arrival(version: DatasetVersion) -> datetime | None:
    """Return when the last label of a version came that was read from traffic."""
    names = Schema.from_dict(version.schema).names
    if not version.has_rows or version.delta_version is None or ARRIVED_AT not in names:
        return None
    path = lake.dataset_path(version.dataset)
    found: datetime | None = lake.highest_value(path, version.delta_version, ARRIVED_AT)
    return found


def prepare(request: Request, labels: Labels, *, job_id: str) -> Material:
    """Cut the new rows and put the older ones below the champion's training data.

    Raises
    ------
    LabelledRowsUnusable
        The rows do not fit the training data.
    """
    data = request.champion.dataset_version
    assert data is not None
    policy = request.policy
    split: LabelledRows = split_by_arrival(
        labels.fresh, test_fraction=policy.test_fraction, horizon=policy.horizon_rows
    )
    base = lake.read_table(data)
    features = request.signature.names
    try:
        older, newest = (
            labelled_table(rows, schema=base.schema, features=features, target=request.target)
            for rows in (split.older, split.newest)
        )
        training = _with_moments(
            extended_table(base, older), base.num_rows, split.older, request.champion.spec, features
        )
        kept_back = extended_table(training.slice(0, 0), newest)
    except UnusableRowsError as error:
        raise LabelledRowsUnusable(str(error)) from error
    return Material(
        training=training,
        base_rows=base.num_rows,
        appends=training.schema.types == base.schema.types,
        newest=kept_back,
        transaction_id=f"{job_id}:{data.pk}:{_digest(split.older)}",
        labels_through=str(split.older["prediction_id"].iloc[-1]),
    )


def _with_moments(
    table: pa.Table,
    base_rows: int,
    rows: pd.DataFrame,
    spec: Mapping[str, Any],
    sent: Sequence[str],
) -> pa.Table:
    """Let the further rows be as old as their predictions, where time splits and clients do not send it.

    What clients send is what the signature names: less than the training was given, where a recipe drops columns.
    """
    policy = spec.get("split") or {}
    name = policy.get("column")
    if policy.get("policy") != "time" or name in sent or "at" not in rows:
        return table
    kind = table.schema.field(name).type
    moments = pa.array(pd.to_datetime(rows["at"], utc=True), from_pandas=True).cast(
        kind, safe=False
    )
    column = pa.chunked_array([*table.column(name).slice(0, base_rows).chunks, moments], type=kind)
    return table.set_column(table.schema.get_field_index(name), name, column)


def _digest(rows: pd.DataFrame) -> str:
    """Return a short digest of which rows these are and what their labels say.

    Labels that arrive between two attempts of a job change the rows; the name of the write must
    change with them, as it does with the data that they are put below.
    """
    pairs = zip(rows["prediction_id"].astype(str), rows["label"].astype(str), strict=True)
    return hashlib.sha256("\n".join("=".join(pair) for pair in pairs).encode()).hexdigest()[:16]

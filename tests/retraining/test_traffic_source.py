"""Our own traffic as a source of rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_django import Settings

from core.clock import now
from core.ids import uuid7
from datasets import lake
from datasets.schema import ColumnType
from datasets.schema.arrow import schema_from_arrow
from datasets.sources import SourceRequest, Watermark
from models_registry.models import ModelVersion
from models_registry.signatures import Signature
from monitoring.execution import traffic
from monitoring.execution.traffic import ARRIVED_AT, Traffic
from monitoring.models import GroundTruth
from retraining.execution.gathering import Request, gather_labels
from retraining.models import RetrainPolicy, Trigger
from serving.models import Endpoint
from serving.prediction_log.table import SCHEMA
from serving.selectors.predictions import log_path

pytestmark = pytest.mark.django_db
AT = now() - timedelta(minutes=5)


FetchRows = Callable[[Watermark | None], pa.Table | None]


@pytest.fixture
def ids(endpoint: Endpoint, champion: ModelVersion, settings: Settings) -> list[UUID]:
    """Predictions of which the truth came, one second after the other; none has reached the lake."""
    settings.SOURCE_TRAFFIC_SETTLE_SECONDS = 0.0
    rows = pa.schema([("size", pa.float64()), ("diagnosis", pa.string())])
    data = champion.dataset_version
    assert data is not None
    data.schema = schema_from_arrow(rows).to_dict()
    data.save()
    champion.signature = {
        "inputs": [{"name": "size", "type": "number", "nullable": True, "categories": None}],
        "task": "classification",
        "classes": ["benign"],
        "output_name": "prediction",
    }
    champion.save()
    found = [uuid7() for _ in range(6)]
    for number, one in enumerate(found):
        label = GroundTruth.objects.create(
            project=endpoint.project,
            endpoint=endpoint,
            prediction_id=one,
            value="benign",
            predicted_at=AT,
        )
        GroundTruth.objects.filter(pk=label.pk).update(received_at=AT + timedelta(seconds=number))
    return found


@pytest.fixture
def ship(endpoint: Endpoint, champion: ModelVersion, ids: list[UUID]) -> Callable[[int], None]:
    """Return a function that lets one of the predictions reach the lake."""

    def write(number: int) -> None:
        row = {field.name: None for field in SCHEMA} | {
            "prediction_id": str(ids[number]),
            "at": AT,
            "day": AT.date().isoformat(),
            "endpoint_id": endpoint.pk,
            "model_version_id": champion.pk,
            "features": f'{{"size": {number}.5}}',
            "prediction": '"benign"',
        }
        lake.append(
            log_path(endpoint.project_id),
            pa.Table.from_pylist([row], schema=SCHEMA),
            transaction=(f"writer {number}", 1),
        )

    return write


@pytest.fixture
def fetch(endpoint: Endpoint, ids: list[UUID], tmp_path: Path) -> FetchRows:
    """Return a function that reads what arrived after a watermark."""

    def read(after: Watermark | None) -> pa.Table | None:
        found = Traffic().fetch(
            SourceRequest(
                project_id=endpoint.project_id,
                settings={"endpoint": endpoint.name},
                secrets={},
                scratch=tmp_path,
                watermark_column=ARRIVED_AT,
                after=after,
            )
        )
        tables = [pq.read_table(file.path) for file in found.files]
        return pa.concat_tables(tables) if tables else None

    return read


def arrived(number: int) -> Watermark:
    return Watermark.of(ColumnType.TIMESTAMP, AT + timedelta(seconds=number))


def test_labels_wait_for_their_predictions_and_none_is_lost(
    fetch: FetchRows, ship: Callable[[int], None]
) -> None:
    ship(0)
    first = fetch(None)
    assert first is not None
    assert first.column_names == ["size", "diagnosis", "predicted_at", ARRIVED_AT]
    assert first["size"].to_pylist() == [0.5]
    ship(2)  # the later one is there first: the label before it keeps it waiting
    assert fetch(arrived(0)) is None
    ship(1)
    later = fetch(arrived(0))
    assert later is not None
    assert later["size"].to_pylist() == [1.5, 2.5]


def test_more_labels_than_are_joined_at_a_time_are_all_read(
    fetch: FetchRows, ship: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "MAX_LABELS", 2)
    for number in range(5):
        ship(number)
    every = fetch(None)
    assert every is not None
    assert every["size"].to_pylist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    beyond = fetch(arrived(0))
    assert beyond is not None
    assert beyond["size"].to_pylist() == [1.5, 2.5]


def test_labels_that_arrived_together_are_read_together_however_many_they_are(
    fetch: FetchRows, ship: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, ids: list[UUID]
) -> None:
    monkeypatch.setattr(traffic, "MAX_LABELS", 2)
    GroundTruth.objects.filter(prediction_id__in=ids[:4]).update(received_at=AT)
    for number in range(6):
        ship(number)
    every = fetch(None)
    assert every is not None
    assert sorted(every["size"].to_pylist()) == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    beyond = fetch(arrived(-1))
    assert beyond is not None
    assert sorted(beyond["size"].to_pylist()) == [0.5, 1.5, 2.5, 3.5]


def test_labels_whose_predictions_are_lost_hold_up_nothing(
    fetch: FetchRows, ship: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "MAX_LABELS", 2)
    monkeypatch.setattr(traffic, "_LOST_AFTER", timedelta(0))
    ship(5)
    found = fetch(arrived(0))
    assert found is not None
    assert found["size"].to_pylist() == [5.5]


def test_labels_that_the_champion_learnt_from_own_traffic_are_not_fresh(
    fetch: FetchRows, ship: Callable[[int], None], policy: RetrainPolicy, champion: ModelVersion
) -> None:
    for number in range(6):
        ship(number)
    rows = fetch(None)
    assert rows is not None
    schema = schema_from_arrow(rows.schema)
    data = champion.dataset_version
    assert data is not None
    written = lake.write_version_rows(
        lake.dataset_path(data.dataset),
        schema,
        rows.slice(0, 4).to_batches,
        transaction_id="traffic",
    )
    data.delta_version, data.schema = written.delta_version, schema.to_dict()
    request = Request(
        policy=policy,
        trigger=Trigger.MANUAL,
        alert=None,
        champion=champion,
        signature=Signature.from_dict(champion.signature),
    )
    for address, fresh in (("endpoint other", 6), (f"endpoint {policy.endpoint.name}", 2)):
        data.source = {"kind": "source", "reader": "traffic", "address": address}
        found = gather_labels(request)
        assert (found.joined, len(found.fresh)) == (6, fresh)

"""Our own traffic as a source of rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_django import Settings

from core.clock import now
from core.ids import uuid7
from datasets import lake
from datasets.schema.arrow import schema_from_arrow
from datasets.sources import SourceRequest, Watermark
from models_registry.models import ModelVersion
from monitoring.execution.traffic import ARRIVED_AT, Traffic
from monitoring.models import GroundTruth
from serving.models import Endpoint
from serving.prediction_log.table import SCHEMA
from serving.selectors.predictions import log_path

pytestmark = pytest.mark.django_db


def test_labels_wait_for_their_predictions_and_none_is_lost(
    endpoint: Endpoint, champion: ModelVersion, settings: Settings, tmp_path: Path
) -> None:
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
    at = now() - timedelta(minutes=5)
    ids = [uuid7() for _ in range(3)]
    for number, one in enumerate(ids):
        label = GroundTruth.objects.create(
            project=endpoint.project,
            endpoint=endpoint,
            prediction_id=one,
            value="benign",
            predicted_at=at,
        )
        GroundTruth.objects.filter(pk=label.pk).update(received_at=at + timedelta(seconds=number))

    def ship(number: int) -> None:
        row = {field.name: None for field in SCHEMA} | {
            "prediction_id": str(ids[number]),
            "at": at,
            "day": at.date().isoformat(),
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

    def fetch(after: Watermark | None) -> pa.Table | None:
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
        return pq.read_table(found.files[0].path) if found.files else None

    ship(0)
    first = fetch(None)
    assert first is not None
    assert first.column_names == ["size", "diagnosis", "predicted_at", ARRIVED_AT]
    assert first["size"].to_pylist() == [0.5]
    through = Watermark.of(schema_from_arrow(first.schema).column(ARRIVED_AT).type, at)
    ship(2)  # the later one is there first: the label before it keeps it waiting
    assert fetch(through) is None
    ship(1)
    later = fetch(through)
    assert later is not None
    assert later["size"].to_pylist() == [1.5, 2.5]

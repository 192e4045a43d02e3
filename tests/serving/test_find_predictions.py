"""Finding predictions by their ids, in the lake and on their way there."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from core.ids import uuid7
from datasets import lake
from serving.execution.shipping import Shipper
from serving.prediction_log import LoggedRequest, SegmentWriter, encode_request, unshipped_files
from serving.selectors import predictions as log
from serving.selectors.predictions import find_predictions
from tests.serving.samples import PROJECT, logged_request


def ids(*requests: LoggedRequest) -> list[UUID]:
    return [UUID(text) for request in requests for text in request.prediction_ids]


def found(*asked: UUID, project: int = PROJECT) -> set[UUID]:
    return set(find_predictions(project_id=project, prediction_ids=asked))


def test_predictions_are_found_before_and_after_they_are_shipped(
    writer: SegmentWriter, root: Path
) -> None:
    one = logged_request(2)
    first, second = ids(one)

    def check() -> None:
        records = find_predictions(
            project_id=PROJECT, prediction_ids=[first, second, uuid7(), UUID(int=0)]
        )
        assert set(records) == {first, second}
        record = records[second]
        assert (record.prediction_id, record.request_id, record.at) == (second, "r", one.at)
        assert (record.endpoint_id, record.deployment_id, record.model_version_id) == (3, 4, 5)
        assert (record.role, record.token_prefix) == ("champion", "mls_x")
        assert record.features == {"age": 1, "job": "été"}
        assert record.prediction == "yes"
        assert record.probabilities == [0.25, 0.75]
        assert found(first, second, project=8) == set()

    writer.append(encode_request(one))
    check()
    writer.close()
    check()
    Shipper(root).ship()
    check()


def test_some_in_the_lake_and_some_not_are_found_together(
    writer: SegmentWriter, root: Path
) -> None:
    days = [logged_request(at=datetime.now(UTC) - timedelta(days=day)) for day in range(3)]
    for one in days:
        writer.append(encode_request(one))
    writer.rotate()
    Shipper(root).ship()
    fresh = logged_request()
    writer.append(encode_request(fresh))
    assert found(*ids(*days, fresh)) == set(ids(*days, fresh))


def test_only_the_days_of_the_ids_are_read_from_the_lake(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=10)
    days = [logged_request(at=noon - timedelta(days=day)) for day in (0, 3)]
    for one in days:
        writer.append(encode_request(one))
    writer.close()
    Shipper(root).ship()
    asked: list[object] = []
    real: Callable[..., object] = lake.read_window

    def watched(path: str, **options: object) -> object:
        asked.append(options["partitions"])
        return real(path, **options)

    monkeypatch.setattr(lake, "read_window", watched)
    assert len(found(*ids(*days))) == 2
    assert asked == [[("day", "in", sorted(one.at.date().isoformat() for one in days))]]


@pytest.mark.parametrize(
    "strange",
    [UUID(int=0), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"), uuid7(0), uuid7(2**47)],
)
def test_an_id_that_cannot_be_ours_is_not_found(writer: SegmentWriter, strange: UUID) -> None:
    one = logged_request()
    writer.append(encode_request(one))
    assert found(strange, *ids(one)) == set(ids(one))


def test_a_record_that_cannot_be_read_hides_no_other(writer: SegmentWriter) -> None:
    one = logged_request()
    writer.append(b"no record")
    writer.append(encode_request(one))
    assert found(*ids(one)) == set(ids(one))


def test_segments_of_another_time_are_not_opened(writer: SegmentWriter, root: Path) -> None:
    hours = [1_000_000.0 + 3600 * hour for hour in range(4)]
    for moment in hours:
        writer.append(b"x")
        writer.rotate()
        (newest,) = sorted(root.glob("*/*.closed"))[-1:]
        os.utime(newest, (moment, moment))

    def between(start: float, end: float) -> list[int]:
        return [int(path.stem) for path in unshipped_files(root, start=start, end=end)]

    assert between(hours[1] - 60, hours[1] + 60) == [3, 2]
    assert between(hours[1] + 60, hours[2] - 60) == [3]
    assert between(0, hours[0] - 60) == [1]
    assert between(hours[3] + 60, hours[3] + 120) == []


def test_a_long_queue_is_looked_through_from_its_new_end_to_a_bound(
    writer: SegmentWriter,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(log, "_MOST_BYTES", 1)
    requests = [logged_request() for _ in range(3)]
    for number, one in enumerate(requests):
        writer.append(encode_request(one))
        writer.rotate()
        (newest,) = sorted(root.glob("*/*.closed"))[-1:]
        moment = datetime.now(UTC).timestamp() + number
        os.utime(newest, (moment, moment))
    assert found(*ids(*requests)) == set(ids(requests[2]))
    assert "waits to be shipped" in caplog.text


def test_a_segment_that_is_renamed_or_shipped_meanwhile_is_still_found(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., list[Path]] = unshipped_files
    requests = [logged_request(), logged_request()]
    steps: list[Callable[[], object]] = [writer.rotate, lambda: Shipper(root).ship()]
    remaining = iter(steps)

    def moving(folder: Path, **window: float) -> list[Path]:
        listed = real(folder, **window)
        next(remaining)()
        return listed

    monkeypatch.setattr(log, "unshipped_files", moving)
    for one in requests:
        writer.append(encode_request(one))
        assert found(*ids(one)) == set(ids(one))

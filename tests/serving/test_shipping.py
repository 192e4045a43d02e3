"""The way of the log into the lake: each prediction once, whatever fails."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import orjson
import pyarrow.parquet as pq
import pytest

from core.ids import uuid7
from datasets import lake
from serving.execution import shipping
from serving.execution.shipping import Shipper, alone
from serving.prediction_log import SegmentWriter, encode_frame, encode_request
from serving.prediction_log.packs import PackReader
from serving.prediction_log.table import PARTITION_BY, SCHEMA
from serving.selectors.predictions import hourly_predictions, log_path, predictions
from tests.serving.samples import PROJECT, ids_of, logged_request, shipped_ids


def test_predictions_are_shipped_once_with_all_that_is_known(
    writer: SegmentWriter, root: Path
) -> None:
    mine, others = logged_request(2), logged_request(project=8)
    writer.append(encode_request(mine))
    writer.append(encode_request(others))
    writer.close()
    assert Shipper(root).ship() == 3
    assert Shipper(root).ship() == 0
    assert list(root.glob("*/*")) == []
    rows = predictions(
        project_id=PROJECT, endpoint_id=3, start=mine.at, end=mine.at + timedelta(seconds=1)
    )
    assert rows is not None
    by_id = {row["prediction_id"]: row for row in rows.to_pylist()}
    assert by_id[mine.prediction_ids[0]] == {
        "prediction_id": mine.prediction_ids[0],
        "request_id": "r",
        "at": mine.at,
        "day": mine.at.date().isoformat(),
        "endpoint_id": 3,
        "deployment_id": 4,
        "model_version_id": 5,
        "role": "champion",
        "token_prefix": "mls_x",
        "features": '{"age":0,"job":"été"}',
        "prediction": '"yes"',
        "probabilities": [0.25, 0.75],
        "latency_us": 12,
        "group": None,
        "entity_key": None,
        "answered_id": None,
        "decision": None,
        "threshold": None,
    }
    assert ids_of(mine) == sorted(by_id)
    assert shipped_ids(8) == ids_of(others)
    counts = hourly_predictions(
        project_ids=[PROJECT, 8, 9], start=mine.at - timedelta(hours=1), end=mine.at + timedelta(1)
    )
    hour = mine.at.replace(minute=0, second=0, microsecond=0)
    assert counts == {hour: 3}


def test_predictions_are_narrowed_by_endpoint_version_and_time(
    writer: SegmentWriter, root: Path
) -> None:
    wanted = logged_request(2)
    for other in (
        logged_request(endpoint=99),
        logged_request(version=99),
        logged_request(at=wanted.at - timedelta(days=2)),
        logged_request(at=wanted.at + timedelta(seconds=1)),
        wanted,
    ):
        writer.append(encode_request(other))
    writer.close()
    Shipper(root).ship()
    rows = predictions(
        project_id=PROJECT,
        endpoint_id=3,
        start=wanted.at,
        end=wanted.at + timedelta(seconds=1),
        model_version_id=5,
        columns=["prediction_id"],
    )
    assert rows is not None
    assert sorted(rows["prediction_id"].to_pylist()) == ids_of(wanted)
    assert predictions(project_id=8, endpoint_id=3, start=wanted.at, end=wanted.at) is None


def test_two_writers_are_shipped_apart(root: Path) -> None:
    writers = [SegmentWriter(root, segment_seconds=3600) for _ in range(2)]
    requests = [logged_request() for _ in range(6)]
    for number, one in enumerate(requests):
        writers[number % 2].append(encode_request(one))
        writers[number % 2].rotate()
    assert Shipper(root).ship() == 6
    assert shipped_ids() == ids_of(*requests)
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("killed_at", ["first removal", "second removal"])
def test_a_shipper_that_died_between_commit_and_removal_ships_nothing_twice(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    requests = [logged_request() for _ in range(3)]
    for one in requests[:2]:
        writer.append(encode_request(one))
        writer.rotate()
    removed: list[Path] = []
    real = Path.unlink

    def die(self: Path, missing_ok: bool = False) -> None:
        if killed_at == "first removal" or removed:
            raise KeyboardInterrupt
        removed.append(self)
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            Shipper(root).ship()
    assert shipped_ids() == ids_of(*requests[:2])
    writer.append(encode_request(requests[2]))
    writer.close()
    assert Shipper(root).ship() == 1
    assert shipped_ids() == ids_of(*requests)
    assert list(root.glob("*/*.closed")) == []


def test_many_segments_become_one_commit_and_large_ones_several(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PackReader", lambda folder: PackReader(folder, pack_bytes=5000))
    requests = [logged_request(10) for _ in range(5)]
    for one in requests:
        writer.append(encode_request(one))
        writer.rotate()
    assert Shipper(root).ship() == 50
    assert shipped_ids() == ids_of(*requests)
    table = lake.open_table(log_path(PROJECT))
    assert table is not None
    appends = [entry for entry in table.history() if entry["operation"] == "WRITE"]
    assert 1 < len(appends) < 5


def test_the_open_segment_of_a_living_writer_is_left_alone(
    writer: SegmentWriter, root: Path
) -> None:
    first, second = logged_request(), logged_request()
    writer.append(encode_request(first))
    assert Shipper(root).ship() == 0
    writer.append(encode_request(second))
    writer.rotate()
    assert Shipper(root).ship() == 2


def test_a_later_segment_waits_for_one_that_is_still_open(
    writer: SegmentWriter, root: Path
) -> None:
    first, second = logged_request(), logged_request()
    writer.append(encode_request(first))
    (open_path,) = root.glob("*/00000001.open")
    later = open_path.with_name("00000002.closed")
    later.write_bytes(encode_frame(encode_request(second)))
    assert Shipper(root).ship() == 0
    writer.close()
    assert Shipper(root).ship() == 2


def test_a_damaged_frame_costs_one_request_and_is_kept(
    writer: SegmentWriter, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [logged_request() for _ in range(3)]
    for one in requests:
        writer.append(encode_request(one))
    writer.close()
    (path,) = root.glob("*/*.closed")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert Shipper(root).ship() == 2
    assert shipped_ids() == ids_of(requests[0], requests[2])
    (kept,) = (root / "quarantine").iterdir()
    assert kept.read_bytes() == content
    assert "cannot be read" in caplog.text


def test_a_torn_end_is_no_damage(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = logged_request()
    folder = root / uuid7().hex
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    frame = encode_frame(encode_request(one))
    (folder / "00000001.open").write_bytes(frame + frame[:-5])
    assert Shipper(root).ship() == 1
    assert shipped_ids() == ids_of(one)
    assert "torn frame" in caplog.text
    assert not (root / "quarantine").exists()


def test_a_record_that_no_column_takes_does_not_stand_in_the_way(
    writer: SegmentWriter, root: Path
) -> None:
    good = [logged_request(), logged_request()]
    strange = orjson.loads(encode_request(logged_request())) | {"endpoint": "three"}
    writer.append(encode_request(good[0]))
    writer.append(orjson.dumps(strange))
    writer.append(b"no record")
    writer.append(encode_request(good[1]))
    writer.close()
    assert Shipper(root).ship() == 2
    assert shipped_ids() == ids_of(*good)
    assert len(list((root / "quarantine").iterdir())) == 1
    assert list(root.glob("*/*.closed")) == []


def test_a_table_that_is_broken_keeps_no_other_project_waiting(
    writer: SegmentWriter, root: Path
) -> None:
    mine, others = [], []
    place = Path(log_path(PROJECT))
    place.parent.mkdir(parents=True)
    place.write_text("somebody put a file here")
    for _ in range(2):
        mine.append(logged_request())
        others.append(logged_request(project=8))
        writer.append(encode_request(mine[-1]))
        writer.append(encode_request(others[-1]))
        writer.rotate()
        with pytest.raises(ExceptionGroup):
            Shipper(root).ship()
        assert shipped_ids(8) == ids_of(*others)
    place.unlink()
    assert Shipper(root).ship() == 2
    assert shipped_ids() == ids_of(*mine)
    assert shipped_ids(8) == ids_of(*others)


def test_a_project_that_failed_once_is_not_skipped_by_a_later_commit(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PackReader", lambda folder: PackReader(folder, pack_bytes=1))
    requests = [logged_request() for _ in range(3)]
    for one in requests:
        writer.append(encode_request(one))
        writer.rotate()
    real = lake.append
    failures = iter([True])

    def fail_once(*args: object, **options: object) -> int:
        if next(failures, False):
            raise OSError("the storage does not answer")
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(lake, "append", fail_once)
    shipper = Shipper(root)
    with pytest.raises(ExceptionGroup):
        shipper.ship()
    assert shipper.ship() == 3
    assert shipped_ids() == ids_of(*requests)


def test_only_one_shipper_works_at_a_time(writer: SegmentWriter, root: Path) -> None:
    writer.append(encode_request(logged_request()))
    writer.rotate()
    with alone(root):
        assert Shipper(root).ship() == 0
    assert Shipper(root).ship() == 1


def test_a_shipper_that_shall_stop_leaves_the_rest_for_later(root: Path) -> None:
    writers = [SegmentWriter(root, segment_seconds=3600) for _ in range(2)]
    for one in writers:
        one.append(encode_request(logged_request()))
        one.close()
    assert Shipper(root, should_stop=lambda: bool(shipped_ids())).ship() == 1
    assert Shipper(root).ship() == 1


def test_small_files_are_put_together(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "COMPACT_AFTER_COMMITS", 3)
    shipper = Shipper(root)
    requests = [logged_request() for _ in range(4)]
    files = []
    for one in requests:
        writer.append(encode_request(one))
        writer.rotate()
        shipper.ship()
        table = lake.open_table(log_path(PROJECT))
        assert table is not None
        files.append(len(table.file_uris()))
    assert files == [1, 2, 3, 1]
    assert shipped_ids() == ids_of(*requests)


def test_a_table_of_long_ago_gets_the_properties_of_new_ones(
    writer: SegmentWriter, root: Path
) -> None:
    lake.ensure_table(log_path(PROJECT), SCHEMA, partition_by=PARTITION_BY)
    for _ in range(2):
        writer.append(encode_request(logged_request()))
        writer.rotate()
        assert Shipper(root).ship() == 1
    table = lake.open_table(log_path(PROJECT))
    assert table is not None
    assert shipping.CONFIGURATION.items() <= table.metadata().configuration.items()
    done = [entry["operation"] for entry in table.history()]
    assert done.count("SET TBLPROPERTIES") == 1


def test_row_groups_stay_small_and_each_holds_a_stretch_of_time(
    writer: SegmentWriter, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "COMPACT_AFTER_COMMITS", 2)
    monkeypatch.setattr(shipping, "ROW_GROUP_ROWS", 3)
    shipper = Shipper(root)
    for _ in range(3):
        writer.append(encode_request(logged_request(5)))
        writer.rotate()
        shipper.ship()
    table = lake.open_table(log_path(PROJECT))
    assert table is not None
    (file,) = [unquote(one).removeprefix("file://") for one in table.file_uris()]
    metadata = pq.ParquetFile(file).metadata
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    assert max(group.num_rows for group in groups) == 3
    assert sum(group.num_rows for group in groups) == 15
    at = metadata.schema.to_arrow_schema().names.index("at")
    moments = sorted(
        (one.min, one.max) for one in (group.column(at).statistics for group in groups)
    )
    assert all(before[1] <= after[0] for before, after in pairwise(moments)), "they overlap"

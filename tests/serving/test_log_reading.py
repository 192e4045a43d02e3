"""The log on its way to the lake: what a client wrote stays as it was written, and says the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.prediction_log import (
    LoggedRequest,
    decode_request,
    encode_frame,
    encode_request,
    read_record,
    scan_frames,
)
from serving.prediction_log.features import FeatureBlock
from serving.prediction_log.frames import MAGIC, Scan
from serving.prediction_log.table import SCHEMA, rows_of
from tests.serving.samples import logged_request

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
instances = st.lists(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), scalars),
    min_size=1,
    max_size=3,
)
spellings = st.sampled_from(
    [
        json.dumps,
        lambda body: json.dumps(body, ensure_ascii=False),
        lambda body: json.dumps(body, indent=2),
        lambda body: json.dumps(body, separators=(",", ":")),
        lambda body: orjson.dumps(body).decode(),
    ]
)


def as_rows(requests: Sequence[LoggedRequest]) -> pa.Table:
    """Return requests as rows, in the plainest way: each value by itself."""
    rows = [
        {
            "prediction_id": prediction_id,
            "request_id": request.request_id,
            "at": request.at,
            "day": request.at.date().isoformat(),
            "endpoint_id": request.endpoint_id,
            "deployment_id": request.deployment_id,
            "model_version_id": request.model_version_id,
            "role": request.role,
            "token_prefix": request.token_prefix,
            "features": orjson.dumps(request.records[index]).decode(),
            "prediction": orjson.dumps(request.predictions[index]).decode(),
            "probabilities": None
            if request.probabilities is None
            else list(request.probabilities[index]),
            "latency_us": request.latency_us,
            "group": request.group or None,
            "entity_key": request.entity_key or None,
            "answered_id": None if request.answered_ids is None else request.answered_ids[index],
            "decision": None
            if request.decisions is None
            else orjson.dumps(request.decisions[index]).decode(),
            "threshold": request.threshold,
        }
        for request in requests
        for index, prediction_id in enumerate(request.prediction_ids)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@st.composite
def logged(draw: st.DrawFn) -> LoggedRequest:
    """Return a request of any kind that the product writes, its instances as mappings."""
    given_instances = draw(instances)
    rows = len(given_instances)
    moment = draw(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
    return logged_request(rows, at=moment.replace(tzinfo=UTC))._replace(
        instances=given_instances,
        predictions=draw(st.lists(scalars, min_size=rows, max_size=rows)),
        probabilities=draw(
            st.none()
            | st.lists(
                st.lists(st.none() | st.floats(0, 1), max_size=3), min_size=rows, max_size=rows
            )
        ),
        group=draw(st.sampled_from(["", "a"])),
        entity_key=draw(st.sampled_from(["", "é"])),
        answered_ids=draw(st.sampled_from([None, [f"id {row}" for row in range(rows)]])),
        decisions=draw(st.sampled_from([None, ["yes"] * rows])),
        threshold=draw(st.none() | st.floats(0, 1)),
    )


@settings(max_examples=150, deadline=None)
@given(requests=st.lists(logged(), max_size=5))
def test_rows_are_those_of_each_value_by_itself(requests: list[LoggedRequest]) -> None:
    table = rows_of([read_record(encode_request(one)) for one in requests])
    # A threshold is kept where decisions are.
    known = [one if one.decisions else one._replace(threshold=None) for one in requests]
    table.validate(full=True)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert table.equals(as_rows(known))


@settings(max_examples=150, deadline=None)
@given(given_instances=instances, spelled=spellings)
def test_a_body_says_in_the_lake_what_the_client_said(
    given_instances: list[dict[str, Any]], spelled: Any
) -> None:
    body = spelled({"threshold": 0.5, "instances": given_instances}).encode()
    record = logged_request(len(given_instances))._replace(instances=None, body=body)
    table = rows_of([read_record(encode_request(record))])
    texts = table["features"].to_pylist()
    assert [orjson.loads(text) for text in texts] == orjson.loads(body)["instances"]
    # Who looks for a text in the lake finds it as orjson spells it.
    for text, instance in zip(texts, given_instances, strict=True):
        for value in instance.values():
            if isinstance(value, str):
                assert orjson.dumps(value).decode()[1:-1] in text


def test_numbers_stay_as_they_were_written() -> None:
    body = b'{"instances": [{"a": 1.50, "b": -0.0, "c": 1e5}, {"a":1}]}'
    record = logged_request(2)._replace(instances=None, body=body)
    table = rows_of([read_record(encode_request(record))])
    assert table["features"].to_pylist() == ['{"a": 1.50, "b": -0.0, "c": 1e5}', '{"a":1}']


@pytest.mark.parametrize("head", [{}, {"group": "", "entity": "", "answered": None}])
@pytest.mark.parametrize(
    "kept",
    [
        {"instances": [{"age": 1, "job": None}]},
        {"columns": {"age": [1], "job": [None]}},
        {"body": {"instances": [{"age": 1, "job": None}]}},
    ],
)
def test_records_of_earlier_versions_are_read(
    head: dict[str, Any], kept: dict[str, object]
) -> None:
    payload = orjson.dumps(
        {
            "project": 1,
            "endpoint": 2,
            "deployment": 3,
            "version": 4,
            "request": "r",
            "token": "mls_x",
            "at": 1_700_000_000_123_456,
            **head,
            **kept,
            "ids": ["i"],
            "predictions": [0.5],
            "probabilities": None,
            "role": "champion",
            "us": 9,
        }
    )
    request = decode_request(payload)
    assert request.records == [{"age": 1, "job": None}]
    assert request.at == datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
    assert rows_of([read_record(payload)]).equals(as_rows([request]))


def test_many_instances_as_numbers_become_rows() -> None:
    block = FeatureBlock(["size", "word"], [np.array([1.5, np.nan]), ["a", 'b"']])
    request = logged_request(2)._replace(instances=block)
    table = rows_of([read_record(encode_request(request)), read_record(encode_request(request))])
    assert table["features"].to_pylist() == 2 * [
        '{"size":1.5,"word":"a"}',
        '{"size":null,"word":"b\\""}',
    ]


def test_rows_of_several_days_have_the_day_of_their_moment() -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    moments = [
        midnight,
        midnight - timedelta(microseconds=1),
        midnight,
        midnight.replace(year=1969),
    ]
    requests = [logged_request(at=midnight)._replace(at=moment) for moment in moments]
    table = rows_of([read_record(encode_request(one)) for one in requests])
    assert table["day"].to_pylist() == ["2026-03-01", "2026-02-28", "2026-03-01", "1969-03-01"]
    assert table["at"].to_pylist() == moments


def test_a_text_that_is_no_text_fits_no_column() -> None:
    payload = encode_request(logged_request()).replace("été".encode(), b"\xff\xff\xff\xff\xff")
    with pytest.raises((ValueError, pa.ArrowException)):
        rows_of([read_record(payload)])


def test_an_escape_that_is_no_character_is_refused() -> None:
    body = b'{"instances": [{"a": "\\ud800"}]}'
    payload = encode_request(logged_request()._replace(instances=[{"a": "-"}]))
    document = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    del document["instances"]
    document["body"] = msgspec.Raw(body)
    with pytest.raises(ValueError, match="not a logged request"):
        read_record(msgspec.json.encode(document))


def searched(data: bytes) -> Scan:
    """Return what a file holds by looking for a frame at each byte in turn."""
    payloads: list[bytes] = []
    damaged = place = end = 0
    while place < len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        payload = data[place + 12 : place + 12 + length]
        checksum = zlib.crc32(payload).to_bytes(4, "little")
        header = MAGIC + length.to_bytes(4, "little") + checksum
        if len(payload) == length and data.startswith(header, place):
            damaged += place - end
            payloads.append(payload)
            place = end = place + 12 + length
        else:
            place += 1
    tail = data[end:]
    begins = tail[:4] == MAGIC[: len(tail)] and bool(tail)
    length = int.from_bytes(tail[4:8], "little")
    if begins and (len(tail) < 12 or 12 + length > len(tail)):
        return Scan(payloads, damaged, len(tail))
    return Scan(payloads, damaged + len(tail), 0)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Return frames of which some are cut, flipped, doubled, or stand in each other."""
    parts = []
    for payload in draw(st.lists(st.binary(max_size=30), max_size=5)):
        frame = bytearray(encode_frame(payload))
        for _ in range(draw(st.integers(0, 1))):
            place = draw(st.integers(0, len(frame) - 1))
            match draw(st.sampled_from(["whole", "flip", "cut", "noise", "inside"])):
                case "flip":
                    frame[place] ^= 1 << draw(st.integers(0, 7))
                case "cut":
                    del frame[place:]
                case "noise":
                    frame[place:place] = draw(st.binary(max_size=5)) + MAGIC
                case "inside":
                    frame = bytearray(encode_frame(bytes(frame)))
        parts.append(bytes(frame))
    return b"".join(parts)


@settings(max_examples=400, deadline=None)
@given(data=damaged_files())
def test_frames_are_those_that_a_look_at_each_byte_finds(data: bytes) -> None:
    assert scan_frames(data) == searched(data)

"""Records and frames of the prediction log: read as they were written, and told from noise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_registry.runtimes import Scores
from models_registry.signatures import Field, Signature, columns_from_records
from serving.prediction_log import (
    KEEP_ALL,
    LoggedRequest,
    decode_request,
    encode_frame,
    encode_request,
    scan_frames,
)
from serving.prediction_log.features import FeatureBlock
from serving.prediction_log.records import encode_usual, record_head
from serving.prediction_log.scores import write_scores
from tests.serving.samples import logged_request

#: No noise of a test begins a frame by chance.
noise = st.binary(max_size=30).map(lambda data: data.replace(b"\xf5", b""))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


@settings(max_examples=60, deadline=None)
@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    instances=st.lists(st.dictionaries(st.text(), scalars, max_size=4), min_size=1, max_size=4),
    request_id=st.text(),
    has_probabilities=st.booleans(),
)
def test_a_record_is_read_as_it_was_written(
    at: datetime, instances: list[dict[str, Any]], request_id: str, has_probabilities: bool
) -> None:
    rows = len(instances)
    written = LoggedRequest(
        project_id=1,
        endpoint_id=2,
        deployment_id=3,
        model_version_id=4,
        request_id=request_id,
        token_prefix="mls_x",
        at=at,
        prediction_ids=[f"id-{row}" for row in range(rows)],
        instances=instances,
        predictions=list(range(rows)),
        probabilities=[[0.5, 0.5]] * rows if has_probabilities else None,
        role="shadow",
        latency_us=9,
    )
    assert decode_request(encode_request(written)) == written


def test_a_body_is_kept_as_it_came_and_read_as_its_instances() -> None:
    instances: list[dict[str, Any]] = [
        {"size": 1.5, "region": 'nörth"\\'},
        {"size": -2e300, "region": None},
    ]
    body = orjson.dumps({"instances": instances}, option=orjson.OPT_INDENT_2)
    record = logged_request(2)._replace(instances=instances, body=body)
    payload = encode_request(record)
    assert body in payload
    assert decode_request(payload) == record._replace(body=None)


@settings(max_examples=60, deadline=None)
@given(
    at_us=st.integers(1_500_000_000_000_000, 4_000_000_000_000_000),
    instances=st.lists(st.dictionaries(st.text(), scalars, max_size=4), min_size=1, max_size=4),
    request_id=st.text(),
    role=st.text(),
    is_classifier=st.booleans(),
)
def test_a_usual_record_is_read_like_any_other(
    at_us: int,
    instances: list[dict[str, Any]],
    request_id: str,
    role: str,
    is_classifier: bool,
) -> None:
    rows = len(instances)
    scores = Scores([f"é{row}" for row in range(rows)], None)
    if is_classifier:
        scores = scores._replace(probabilities=np.linspace(0, 1, 2 * rows).reshape(rows, 2))
    ids = [f"id-{row}" for row in range(rows)]
    head = record_head(project_id=1, endpoint_id=2, deployment_id=3, model_version_id=4, role=role)
    payload = encode_usual(
        head,
        request_id=request_id,
        token_prefix="mls_x",
        at_us=at_us,
        latency_us=9,
        prediction_ids=ids,
        written=write_scores(scores),
        body=orjson.dumps({"instances": instances}),
    )
    assert decode_request(payload) == LoggedRequest(
        project_id=1,
        endpoint_id=2,
        deployment_id=3,
        model_version_id=4,
        request_id=request_id,
        token_prefix="mls_x",
        at=datetime.fromtimestamp(at_us // 10**6, UTC).replace(microsecond=at_us % 10**6),
        prediction_ids=ids,
        instances=instances,
        predictions=scores.labels,
        probabilities=None if scores.probabilities is None else scores.probabilities.tolist(),
        role=role,
        latency_us=9,
    )


def test_probabilities_may_be_an_array() -> None:
    written = logged_request(2)
    values = {name: getattr(written, name) for name in LoggedRequest._fields}
    from_array = LoggedRequest(**{**values, "probabilities": np.array([[0.25, 0.75]] * 2)})
    assert encode_request(from_array) == encode_request(written)


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ["a"]},
        {"predictions": []},
        {"probabilities": [[1.0]]},
        {"instances": None},
        {"project": "7"},
        {"project": None},
        {"at": "yesterday"},
        {"at": 1e40},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    document = orjson.loads(encode_request(logged_request(2))) | changes
    with pytest.raises(ValueError, match="not a logged request"):
        decode_request(orjson.dumps(document))


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{}", b'{"at": 1}', b"\xf5", b"null"])
def test_a_payload_that_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not a logged request"):
        decode_request(payload)


@settings(max_examples=60, deadline=None)
@given(payloads=st.lists(st.tuples(noise, st.binary(max_size=60)), max_size=8), tail=noise)
def test_intact_frames_are_found_between_garbage(
    payloads: Sequence[tuple[bytes, bytes]], tail: bytes
) -> None:
    data = b"".join(garbage + encode_frame(payload) for garbage, payload in payloads)
    scan = scan_frames(data + tail)
    assert scan.payloads == [payload for _, payload in payloads]
    assert scan.torn_bytes == 0
    assert scan.damaged_bytes == sum(len(garbage) for garbage, _ in payloads) + len(tail)


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), data=st.data()
)
def test_a_file_that_ends_anywhere_gives_all_whole_frames_before(
    payloads: list[bytes], data: st.DataObject
) -> None:
    frames = [encode_frame(payload) for payload in payloads]
    cut = data.draw(st.integers(0, sum(map(len, frames))))
    whole = 0
    while whole < len(frames) and sum(map(len, frames[: whole + 1])) <= cut:
        whole += 1
    scan = scan_frames(b"".join(frames)[:cut])
    assert scan.payloads == payloads[:whole]
    assert scan.torn_bytes == cut - sum(map(len, frames[:whole]))
    assert scan.damaged_bytes == 0


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), data=st.data()
)
def test_a_flipped_bit_costs_no_frame_but_its_own(
    payloads: list[bytes], data: st.DataObject
) -> None:
    frames = [encode_frame(payload.replace(b"\xf5", b"-")) for payload in payloads]
    hurt = data.draw(st.integers(0, len(frames) - 1))
    content = bytearray(frames[hurt])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    before = [scan_frames(frame).payloads[0] for frame in frames]
    scan = scan_frames(b"".join([*frames[:hurt], bytes(content), *frames[hurt + 1 :]]))
    assert scan.payloads == before[:hurt] + before[hurt + 1 :]
    assert scan.damaged_bytes + scan.torn_bytes == len(content)


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(
        st.tuples(
            st.floats(allow_infinity=False), st.integers(-(2**53), 2**53), st.text(max_size=4)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_many_instances_are_kept_as_numbers_and_read_as_they_were(
    numbers: list[tuple[float, int, str]],
) -> None:
    sizes, ages, words = (list(column) for column in zip(*numbers, strict=True))
    block = FeatureBlock(
        ["size", "age", "word", 'ö"'],
        [np.array(sizes), np.array(ages), words, np.array(sizes[::-1])],
    )
    record = logged_request(len(numbers))._replace(instances=block)
    payload = encode_request(record)
    again = decode_request(payload)
    wanted = [
        {
            "size": None if size != size else size,
            "age": age,
            "word": word,
            'ö"': None if last != last else last,
        }
        for size, age, word, last in zip(sizes, ages, words, sizes[::-1], strict=True)
    ]
    assert again == record._replace(instances=wanted)
    for length in (1, 4, 20, len(payload) - 1):
        with pytest.raises(ValueError, match="not a logged request"):
            decode_request(payload[:length])


def test_a_large_request_is_kept_as_numbers_and_a_small_one_as_it_came() -> None:
    signature = Signature(
        (Field("size", "number"), Field("word", "string", nullable=True)), "regression"
    )

    def kept(words: Sequence[str | None]) -> tuple[Any, bytes | None]:
        rows = [{"size": 1.5, "word": word} for word in words]
        body = orjson.dumps({"instances": rows})
        return KEEP_ALL.kept(None, columns_from_records(signature, rows), body)

    assert kept(["a"] * 3) == (None, orjson.dumps({"instances": [{"size": 1.5, "word": "a"}] * 3}))
    block, body = kept(["a"] * 100)
    assert body is None
    assert block.records() == [{"size": 1.5, "word": "a"}] * 100
    # An empty text and null are the same to a model, and not to the log.
    for words in (["a"] * 99 + [None], ["a"] * 99 + [""]):
        assert kept(words)[0] is None

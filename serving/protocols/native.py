"""Our own dialect: ``{"instances": [{"feature": value, …}, …]}``, problem documents as refusals.

With ``"explain": true`` beside the instances the answer says why, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from models_registry.signatures import (
    BESIDE,
    BodyMalformed,
    Columns,
    Signature,
    columns_from_read,
    columns_from_records,
    decode_body,
)
from serving.prediction_log.scores import WrittenScores
from serving.protocols.base import (
    Answered,
    Decoded,
    Envelope,
    Origin,
    Payload,
    check_row_count,
    read_threshold,
)

#: No more values that training did not see are listed for one request.
MOST_WARNINGS = 100
_EXPLAIN = "explain"
_JSON = frozenset({"application/json", "application/json;charset=utf-8"})


class Native:
    """The codec."""

    name = "native"

    def accepts(self, content_type: str) -> bool:
        """Whether it is JSON."""
        return content_type in _JSON

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the rows of a body."""
        instances: Sequence[Mapping[str, Any]] | None = None
        columns: Columns | None = None
        beside: Mapping[str, Any]
        read = signature.body_reader.read(envelope.body)
        if read is not None:
            check_row_count(read.row_count, most_rows, field="instances")
            columns, beside = columns_from_read(signature, read), read.beside
        if columns is None:
            instances, beside = decode_body(envelope.body, also=BESIDE)
            check_row_count(len(instances), most_rows, field="instances")
        threshold, explain = None, False
        if beside:
            threshold = read_threshold(beside.get("threshold"))
            explain = beside.get(_EXPLAIN, False)
            if not isinstance(explain, bool):
                raise BodyMalformed("'explain' must be true or false.", field=_EXPLAIN)
        if columns is None:
            assert instances is not None, "what was not read at once has been read now"
            columns = columns_from_records(signature, instances)
        return Decoded(columns, instances, None, envelope.body, threshold, explain)

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Return predictions, probabilities, the version that answered, and an id for each prediction."""
        origin, written = answered.origin, answered.written
        text = _scores(origin, written)
        if answered.ruling is not None:
            text += _members(
                decisions=answered.ruling.decisions, threshold=answered.ruling.threshold
            )
        text += _origin(origin, answered.prediction_ids)
        columns = decoded.columns
        if columns.unseen or columns.outside:
            warnings = [
                *_warnings(columns.unseen, "training did not see this category"),
                *_warnings(columns.outside, "outside of the limits of the schema"),
            ]
            text += _members(warnings=warnings)
        if answered.explained is not None:
            text += _members(**answered.explained.content())
        return Payload(200, "application/json", text + b"}")

    def plain_answer(
        self, origin: Origin, written: WrittenScores, prediction_ids: Sequence[str]
    ) -> Payload:
        """Return what :meth:`encode` does when nothing else was asked for and nothing is to be remarked on."""
        text = _scores(origin, written) + _origin(origin, prediction_ids) + b"}"
        return Payload(200, "application/json", text)

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Return the problem document as it is."""
        return Payload(problem["status"], "application/problem+json", orjson.dumps(problem))


def _scores(origin: Origin, written: WrittenScores) -> bytes:
    """Return the beginning of an answer."""
    if written.probabilities is None:
        return b'{"predictions":' + written.predictions
    scores = (written.predictions, written.probabilities, origin.classes_text)
    return b'{"predictions":%b,"probabilities":%b%b' % scores


def _origin(origin: Origin, prediction_ids: Sequence[str]) -> bytes:
    """Return who answered, as the next members."""
    return b'%b,"prediction_ids":%b' % (origin.described_text, orjson.dumps(prediction_ids))


def _members(**content: Any) -> bytes:
    """Return the members of an object that has others before them."""
    return b"," + orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]


def _warnings(places: Sequence[tuple[int, str]], detail: str) -> list[dict[str, str]]:
    warnings = [
        {"field": f"instances[{row}].{column}", "detail": detail}
        for row, column in places[:MOST_WARNINGS]
    ]
    if len(places) > MOST_WARNINGS:
        more = f"{len(places) - MOST_WARNINGS:,} more values: {detail}"
        warnings.append({"field": "instances", "detail": more})
    return warnings

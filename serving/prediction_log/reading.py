"""Records of the log as they are read back.

What is text in the lake is not taken apart on the way there: the instances of a request stay as the caller wrote
them, so that no number is parsed only to be written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import orjson

from serving.prediction_log.blocks import decode_block, head_of, is_block
from serving.prediction_log.features import FeatureBlock
from serving.prediction_log.records import LoggedRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
#: A body with one of these is written anew. An escape spells a text otherwise than those who look for it in the lake
#: do, and where there are line breaks there is indentation.
_ESCAPE = b"\\"
_LINE_BREAK = b"\n"


class _Body(msgspec.Struct, gc=False):
    """The part of a body that is kept."""

    instances: list[msgspec.Raw]


class Record(msgspec.Struct, gc=False):
    """One answered request of n instances, as the log has it.

    Attributes
    ----------
    at_us
        When it was answered: microseconds since 1970, UTC.
    features
        n JSON objects.
    predictions, decisions
        n JSON values; decisions are None where none were asked for.
    probabilities
        n lists of one probability for each class (None for what is no number); None for a regressor.
    body, columns
        The other two ways in which instances were written; :func:`read_record` has made ``features`` of them.

    The others are those of :class:`~serving.prediction_log.records.LoggedRequest`.
    """

    project_id: int = msgspec.field(name="project")
    endpoint_id: int = msgspec.field(name="endpoint")
    deployment_id: int = msgspec.field(name="deployment")
    model_version_id: int = msgspec.field(name="version")
    request_id: str = msgspec.field(name="request")
    token_prefix: str = msgspec.field(name="token")
    at_us: Annotated[int, msgspec.Meta(ge=_FIRST_US, le=_LAST_US)] = msgspec.field(name="at")
    role: str
    latency_us: int = msgspec.field(name="us")
    prediction_ids: list[str] = msgspec.field(name="ids")
    predictions: list[msgspec.Raw]
    probabilities: list[list[float | None]] | None
    group: str | None = ""
    entity_key: str | None = msgspec.field(default="", name="entity")
    answered_ids: list[str] | None = msgspec.field(default=None, name="answered")
    decisions: list[msgspec.Raw] | None = None
    threshold: float | None = None
    features: Sequence[msgspec.Raw] | None = msgspec.field(default=None, name="instances")
    body: _Body | None = None
    columns: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def at(self) -> datetime:
        """When it was answered, in UTC."""
        return _EPOCH + timedelta(microseconds=self.at_us)

    @property
    def texts(self) -> Sequence[msgspec.Raw]:
        """The n instances."""
        assert self.features is not None, "read_record leaves no record without them"
        return self.features


_decode = msgspec.json.Decoder(Record).decode


def read_record(payload: bytes) -> Record:
    """Return the record that :func:`~serving.prediction_log.records.encode_request` wrote, now or in an earlier version.

    Raises
    ------
    ValueError
        The payload is not such a record.
    """
    try:
        # Blocks begin like no JSON; nearly all records are none.
        record = _record_of_block(payload) if is_block(payload) else _decode(payload)
        features: Sequence[msgspec.Raw]
        if record.body is not None:
            features = record.body.instances
            if _ESCAPE in payload or _LINE_BREAK in payload:
                features = [_written_anew(text) for text in features]
            record.features = features
        elif record.features is not None:
            features = record.features
        else:
            record.features = features = _texts_of(orjson.loads(bytes(record.columns)))
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a logged request: {error!r}") from error
    count = len(record.prediction_ids)
    # Spelled out: this is asked for each prediction.
    if (
        len(features) != count
        or len(record.predictions) != count
        or (record.probabilities is not None and len(record.probabilities) != count)
        or (record.answered_ids is not None and len(record.answered_ids) != count)
        or (record.decisions is not None and len(record.decisions) != count)
    ):
        raise ValueError("not a logged request: its parts have different numbers of rows")
    return record


def _record_of_block(payload: bytes) -> Record:
    record = _decode(head_of(payload))
    record.features = _texts_of(decode_block(payload)["columns"])
    return record


def decode_request(payload: bytes) -> LoggedRequest:
    """Return the record that :func:`~serving.prediction_log.records.encode_request` wrote, with all its values.

    Raises
    ------
    ValueError
        The payload is not such a record.
    """
    record = read_record(payload)
    try:
        instances = [value_of(text) for text in record.texts]
        predictions = [value_of(text) for text in record.predictions]
        decisions = (
            None if record.decisions is None else [value_of(one) for one in record.decisions]
        )
    except ValueError as error:
        raise ValueError(f"not a logged request: {error!r}") from error
    return LoggedRequest(
        project_id=record.project_id,
        endpoint_id=record.endpoint_id,
        deployment_id=record.deployment_id,
        model_version_id=record.model_version_id,
        request_id=record.request_id,
        token_prefix=record.token_prefix,
        at=record.at,
        prediction_ids=record.prediction_ids,
        instances=instances,
        predictions=predictions,
        probabilities=record.probabilities,
        role=record.role,
        latency_us=record.latency_us,
        group=record.group or "",
        entity_key=record.entity_key or "",
        answered_ids=record.answered_ids,
        decisions=decisions,
        threshold=record.threshold,
    )


def value_of(text: msgspec.Raw) -> Any:
    """Return what a JSON text says.

    Raises
    ------
    ValueError
        It is not one.
    """
    return orjson.loads(bytes(text))


def _written_anew(text: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(orjson.dumps(value_of(text)))


def _texts_of(columns: dict[str, Any]) -> list[msgspec.Raw]:
    block = FeatureBlock(list(columns), list(columns.values()))
    return [msgspec.Raw(orjson.dumps(record)) for record in block.records()]

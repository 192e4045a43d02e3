"""The native wire: ``{"instances": [{"column": value, …}, …]}`` as strict JSON (RFC 8259)."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

import orjson

from models_registry.signatures.columns import Columns, columns_from_read, columns_from_records
from models_registry.signatures.errors import BodyMalformed
from models_registry.signatures.signature import BESIDE, Signature

_KEY = "instances"
#: The double of it is one more than 64 signed bits hold.
_MOST_INTEGER = 2**63 - 1


def encode_instances(columns: Columns) -> bytes:
    """Return the body that a client would send for these rows; null stands for what is missing."""
    signature = columns.signature
    numeric = columns.numeric.tolist()
    text = [column.tolist() for column in columns.text]
    records: list[dict[str, Any]] = []
    for row in range(columns.row_count):
        numbers = iter(numeric[row])
        words = iter([column[row] for column in text])
        record: dict[str, Any] = {}
        for field in signature.inputs:
            if not field.is_numeric:
                word = next(words)
                record[field.name] = None if word == "" and field.nullable else word
                continue
            number = next(numbers)
            if math.isnan(number):
                record[field.name] = None
            elif field.type == "boolean":
                record[field.name] = bool(number)
            elif field.type == "integer":
                record[field.name] = min(int(number), _MOST_INTEGER)
            else:
                record[field.name] = number
        records.append(record)
    return orjson.dumps({_KEY: records})


def columns_from_body(signature: Signature, body: bytes) -> Columns:
    """Check a body of the native wire against a signature and return its rows as columns.

    Raises
    ------
    BodyMalformed, InputRefused
        The body cannot be read; a row does not fit.
    """
    read = signature.body_reader.read(body)
    columns = None if read is None else columns_from_read(signature, read)
    if columns is None:
        columns = columns_from_records(signature, decode_body(body, also=BESIDE)[0])
    return columns


def decode_instances(body: bytes) -> list[dict[str, Any]]:
    """Return the rows of a body that holds nothing else.

    Raises
    ------
    BodyMalformed
        As for :func:`decode_body`.
    """
    return decode_body(body)[0]


def decode_body(
    body: bytes, also: Collection[str] = ()
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of a body, and what stands beside them.

    Parameters
    ----------
    also
        The keys that may be there beside ``instances``, with values that are no objects.

    Raises
    ------
    BodyMalformed
        The body is not JSON, is not an object whose key ``instances`` holds a list of objects, has a key that is
        not known, or names a key twice.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyMalformed(f"The body is not valid JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get(_KEY), list):
        raise BodyMalformed(
            'The body must be an object: {"instances": [{"column": value, …}, …]}.', field=_KEY
        )
    records: list[dict[str, Any]] = value.pop(_KEY)
    for unknown in value:
        if unknown not in also:
            raise BodyMalformed(f"The key '{unknown}' is not known.", field=unknown)
    for row, record in enumerate(records):
        if type(record) is not dict:
            raise BodyMalformed(
                f"Row {row} must be an object of column and value.", field=f"{_KEY}[{row}]"
            )
    # A parser keeps the last of two equal keys. Fewer keys than colons is the sign of it (or of a colon
    # inside a text), and only then is the body read a second time with a parser that tells.
    if body.count(b":") != 1 + len(value) + sum(map(len, records)):
        json.loads(body, object_pairs_hook=_refuse_twins)
    return records, value


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in seen if names.count(name) > 1)
        raise BodyMalformed(f"The key '{twin}' appears twice.", field=twin)
    return seen

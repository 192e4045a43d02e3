"""Tensors of the Open Inference Protocol, in JSON and as raw bytes.

Source: Open Inference Protocol v2, ``inference_rest.md`` (tensor data types and layout); Triton's extension "binary
tensor data" (little-endian, row-major; BYTES as a length of 4 bytes before each element).
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import Invalid
from models_registry.signatures import BodyMalformed

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
_LENGTH = struct.Struct("<I")
_MOST_VALUES = 1 << 31


def read_shape(value: Any, *, field: str) -> tuple[int, ...]:
    """Return a checked shape.

    Raises
    ------
    BodyMalformed
        It is no list of numbers ≥ 0, or names more values than a body could hold.
    """
    is_shape = isinstance(value, list) and all(
        isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value
    )
    if not is_shape or not value or math.prod(value) > _MOST_VALUES:
        raise BodyMalformed("The shape must be a list of sizes, such as [2, 30].", field=field)
    return tuple(value)


def tensor_from_json(
    data: Any, datatype: str, shape: tuple[int, ...], *, field: str
) -> npt.NDArray[Any]:
    """Return values given flat or nested, row by row; null stands for NaN in a tensor of numbers.

    Returns
    -------
    ndarray
        Of the given shape; texts, and numbers or truth values with nulls, as Python objects.

    Raises
    ------
    BodyMalformed
        There are more or fewer values than the shape says, or a value is not of the data type.
    """
    values = _flat(data) if isinstance(data, list) else [data]
    if len(values) != math.prod(shape):
        raise BodyMalformed(
            f"{len(values)} values were sent, the shape {list(shape)} says {math.prod(shape)}.",
            field=field,
        )
    if datatype == "BYTES":
        if not all(value is None or isinstance(value, str) for value in values):
            raise BodyMalformed("A tensor of BYTES holds text.", field=field)
        return _objects(values).reshape(shape)
    kinds = set(map(type, values))
    wanted = {bool} if datatype == "BOOL" else {int, float}
    if not kinds <= wanted | {type(None)}:
        raise BodyMalformed(f"A value is not of the data type {datatype}.", field=field)
    if type(None) in kinds:
        return _objects(values).reshape(shape)
    dtype = DTYPES[datatype]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if any(value % 1 or not limits.min <= value <= limits.max for value in values):
            raise BodyMalformed(f"A value is not of the data type {datatype}.", field=field)
    with np.errstate(over="ignore"):
        array: npt.NDArray[Any] = np.array(values, dtype=dtype)
    return array.reshape(shape)


def tensor_from_bytes(
    raw: memoryview, datatype: str, shape: tuple[int, ...], *, field: str
) -> npt.NDArray[Any]:
    """Return the tensor that raw little-endian bytes hold.

    Raises
    ------
    BodyMalformed
        There are more or fewer bytes than shape and data type say.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        return _objects(_texts(raw, count, field)).reshape(shape)
    dtype = DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        raise BodyMalformed(
            f"{len(raw)} bytes were sent, shape and data type say {count * dtype.itemsize}.",
            field=field,
        )
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def decode_base64(values: npt.NDArray[Any], *, field: str) -> npt.NDArray[Any]:
    """Return the texts that a tensor holds in base64.

    Raises
    ------
    BodyMalformed
        A value is no base64 of UTF-8 text.
    """
    try:
        texts = [
            None if value is None else base64.b64decode(value, validate=True).decode()
            for value in values.reshape(-1).tolist()
        ]
    except (binascii.Error, UnicodeDecodeError, ValueError, TypeError):
        raise BodyMalformed("A value is no text in base64.", field=field) from None
    return _objects(texts).reshape(values.shape)


def check_datatype(datatype: Any, *, field: str) -> str:
    """Return the name of a known data type.

    Raises
    ------
    Invalid
        There is none of this name.
    """
    if datatype != "BYTES" and datatype not in DTYPES:
        raise Invalid(
            f"The data type is not known; there are {', '.join([*DTYPES, 'BYTES'])}.", field=field
        )
    return str(datatype)


def tensor_of_values(values: Sequence[Any]) -> tuple[str, npt.NDArray[Any]]:
    """Return data type and array (shape (n,)) of predicted classes or values."""
    kinds = set(map(type, values))
    if kinds <= {bool}:
        return "BOOL", np.array(values, dtype=np.bool_)
    if kinds <= {int}:
        return "INT64", np.array(values, dtype="<i8")
    if kinds <= {int, float}:
        return "FP64", np.array(values, dtype="<f8")
    return "BYTES", _objects([value if isinstance(value, str) else str(value) for value in values])


def bytes_of_tensor(datatype: str, array: npt.NDArray[Any]) -> bytes:
    """Return a tensor as raw little-endian bytes, row by row."""
    if datatype != "BYTES":
        return np.ascontiguousarray(array, dtype=DTYPES[datatype]).tobytes()
    parts = [value.encode() for value in array.reshape(-1).tolist()]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _flat(data: list[Any]) -> list[Any]:
    """Return the values of lists in lists, in their order; without recursion, however deep they are."""
    if not any(isinstance(item, list) for item in data):
        return data
    values: list[Any] = []
    open_lists = [iter(data)]
    while open_lists:
        for item in open_lists[-1]:
            if isinstance(item, list):
                open_lists.append(iter(item))
                break
            values.append(item)
        else:
            open_lists.pop()
    return values


def _texts(raw: memoryview, count: int, field: str) -> list[str]:
    texts: list[str] = []
    position = 0
    for _ in range(count):
        end = position + _LENGTH.size
        if end > len(raw):
            break
        (length,) = _LENGTH.unpack_from(raw, position)
        position = end + length
        if position > len(raw):
            break
        try:
            texts.append(str(raw[end:position], "utf-8"))
        except UnicodeDecodeError:
            raise BodyMalformed("A text is not UTF-8.", field=field) from None
    if len(texts) != count or position != len(raw):
        raise BodyMalformed("The bytes do not hold as many texts as the shape says.", field=field)
    return texts


def _objects(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

"""MLflow's scoring dialect, ``/invocations``, which is also the contract of a SageMaker container.

Source: MLflow, "Local inference server specification" (accepted inputs and errors), read beside its scoring server.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from core.errors import Invalid, TooLarge
from models_registry.signatures import (
    BodyMalformed,
    Columns,
    Field,
    Signature,
    columns_from_arrays,
    columns_from_records,
    columns_from_rows,
)
from serving.prediction_log.features import FeatureBlock
from serving.protocols.base import (
    Answered,
    Decoded,
    Envelope,
    Payload,
    check_row_count,
    client_status,
    read_threshold,
)
from serving.protocols.json_bodies import read_object

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = (JSON, CSV, PARQUET)
SHAPES = ("dataframe_split", "dataframe_records", "instances", "inputs")
_METHODS = ("predict", "predict_proba")
_ERROR_CODES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    413: "BAD_REQUEST",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
_TRUTH = {"true": True, "false": False}
#: A Parquet body may grow by so much when it is unpacked.
_MOST_UNPACKED_BYTES = 256 * 1024**2

Instances = Sequence[Mapping[str, Any]] | FeatureBlock


class MlflowScoring:
    """The codec.

    JSON bodies hold exactly one of four shapes; CSV has a header row; Parquet one row group or more. The parameter
    ``{"predict_method": "predict_proba"}`` asks for probabilities; ``{"threshold": 0.3}`` (or true) for decisions in the place of
    predictions, as parameters of an MLflow model change what it predicts.
    """

    name = "mlflow"

    def accepts(self, content_type: str) -> bool:
        """JSON, CSV or Parquet; a charset of UTF-8 is the one parameter that may follow."""
        media_type, _, parameter = content_type.partition(";")
        return media_type in MEDIA_TYPES and parameter in ("", "charset=utf-8")

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the rows of a body."""
        media_type = envelope.content_type.partition(";")[0]
        if media_type == CSV:
            columns = _from_csv(envelope.body, signature, most_rows)
            return Decoded(columns, FeatureBlock.of(columns), _METHODS[0])
        if media_type == PARQUET:
            columns = _from_parquet(envelope.body, signature, most_rows)
            return Decoded(columns, FeatureBlock.of(columns), _METHODS[0])
        body = read_object(envelope.body, allow_nan=True)
        given = [shape for shape in SHAPES if shape in body]
        unknown = sorted(set(body) - {*SHAPES, "params"})
        if len(given) != 1 or unknown:
            raise BodyMalformed(
                f"The body must be an object with exactly one of {', '.join(SHAPES)}, and 'params' if wanted.",
                field=unknown[0] if unknown else "body",
            )
        parameters = _parameters(body.get("params"))
        method = _method(parameters, signature)
        threshold = read_threshold(parameters.get("threshold"), field="params.threshold")
        if threshold is not None and method != _METHODS[0]:
            raise Invalid("Probabilities are not decided; leave one out.", field="params.threshold")
        columns, instances = _READERS[given[0]](body[given[0]], signature, most_rows)
        return Decoded(columns, instances, method, threshold=threshold)

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Return ``{"predictions": […]}``."""
        values: Any = answered.scores.labels
        if decoded.asked != _METHODS[0]:
            values = answered.scores.probabilities
        elif answered.ruling is not None:
            values = answered.ruling.decisions
        body = orjson.dumps({"predictions": values}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Payload(200, JSON, body)

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Return ``{"error_code": "…", "message": "…"}``; an unknown media type in plain text."""
        status = client_status(problem["status"])
        if status == 415:
            return Payload(status, "text/plain", str(problem["detail"]).encode())
        content = {
            "error_code": _ERROR_CODES.get(status, "BAD_REQUEST"),
            "message": problem["detail"],
        }
        return Payload(status, JSON, orjson.dumps(content))


def _parameters(given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BodyMalformed("'params' must be an object.", field="params")
    unknown = sorted(set(given) - {"predict_method", "threshold"})
    if unknown:
        raise Invalid("There is no such parameter.", field=f"params.{unknown[0]}")
    return given


def _method(parameters: Mapping[str, Any], signature: Signature) -> str:
    method = parameters.get("predict_method", _METHODS[0])
    if method not in _METHODS or (method == "predict_proba" and signature.classes is None):
        raise Invalid("The model has no such method.", field="params.predict_method")
    return str(method)


def _split(given: Any, signature: Signature, most_rows: int) -> tuple[Columns, Instances]:
    field = "dataframe_split"
    if not isinstance(given, dict) or not isinstance(given.get("data"), list):
        raise BodyMalformed("This must be an object with 'columns' and 'data'.", field=field)
    names, rows = given.get("columns"), given["data"]
    check_row_count(len(rows), most_rows, field=f"{field}.data")
    if names is None:
        return _rows(rows, signature, f"{field}.data")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BodyMalformed("This must be a list of names.", field=f"{field}.columns")
    if len(set(names)) != len(names):
        raise BodyMalformed("A name appears twice.", field=f"{field}.columns")
    for row, values in enumerate(rows):
        if not isinstance(values, list) or len(values) != len(names):
            raise BodyMalformed(
                f"Row {row} must be a list of {len(names)} values.", field=f"{field}.data[{row}]"
            )
    records = [dict(zip(names, values, strict=True)) for values in rows]
    return columns_from_records(signature, records), records


def _records(given: Any, signature: Signature, most_rows: int) -> tuple[Columns, Instances]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BodyMalformed("This must be a list of objects.", field="dataframe_records")
    check_row_count(len(given), most_rows, field="dataframe_records")
    return columns_from_records(signature, given), given


def _instances(given: Any, signature: Signature, most_rows: int) -> tuple[Columns, Instances]:
    if not isinstance(given, list):
        raise BodyMalformed("This must be a list.", field="instances")
    check_row_count(len(given), most_rows, field="instances")
    if all(isinstance(one, dict) for one in given):
        return columns_from_records(signature, given), given
    return _rows(given, signature, "instances")


def _inputs(given: Any, signature: Signature, most_rows: int) -> tuple[Columns, Instances]:
    if isinstance(given, list):
        check_row_count(len(given), most_rows, field="inputs")
        return _rows(given, signature, "inputs")
    if not isinstance(given, dict) or not given:
        raise BodyMalformed("This must be a list, or an object of lists.", field="inputs")
    arrays: dict[str, list[Any]] = {}
    for name, values in given.items():
        if not isinstance(values, list):
            raise BodyMalformed("This must be a list of values.", field=f"inputs.{name}")
        arrays[name] = [
            value[0] if isinstance(value, list) and len(value) == 1 else value for value in values
        ]
        check_row_count(len(values), most_rows, field=f"inputs.{name}")
    columns = columns_from_arrays(signature, arrays)
    return columns, FeatureBlock.of(columns)


_READERS: Mapping[str, Callable[[Any, Signature, int], tuple[Columns, Instances]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _rows(rows: list[Any], signature: Signature, field: str) -> tuple[Columns, Instances]:
    if not any(isinstance(row, list | dict) for row in rows):
        rows = [[row] for row in rows]
    if not all(isinstance(row, list) for row in rows):
        raise BodyMalformed("All rows must be lists.", field=field)
    columns = columns_from_rows(signature, rows)
    return columns, FeatureBlock.of(columns)


def _from_csv(body: bytes, signature: Signature, most_rows: int) -> Columns:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not UTF-8.", field="body") from None
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = next(reader, [])
        rows: list[list[str]] = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise BodyMalformed(
                    f"Row {len(rows)} has {len(row)} values, the header {len(names)}.",
                    field=f"body[{len(rows)}]",
                )
            rows.append(row)
            if len(rows) > most_rows:
                check_row_count(len(rows), most_rows, field="body")
    except csv.Error as error:
        raise BodyMalformed(f"The body is not valid CSV: {error}", field="body") from None
    if len(set(names)) != len(names):
        raise BodyMalformed("A name appears twice in the header.", field="body")
    check_row_count(len(rows), most_rows, field="body")
    fields = {field.name: field for field in signature.inputs}
    records = [
        {name: _cell(value, fields.get(name)) for name, value in zip(names, row, strict=True)}
        for row in rows
    ]
    return columns_from_records(signature, records)


def _cell(text: str, field: Field | None) -> Any:
    """Return a cell as the type that its column has; what does not fit stays text and is refused as such."""
    if field is None or field.type == "string":
        return None if text == "" and field is not None and field.nullable else text
    trimmed = text.strip()
    if not trimmed:
        return None
    if field.type == "boolean":
        return _TRUTH.get(trimmed.lower(), text)
    try:
        number = float(trimmed)
    except ValueError:
        return text
    return None if math.isnan(number) else number


def _from_parquet(body: bytes, signature: Signature, most_rows: int) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        found = file.metadata
        check_row_count(found.num_rows, most_rows, field="body")
        groups = range(found.num_row_groups)
        if sum(found.row_group(index).total_byte_size for index in groups) > _MOST_UNPACKED_BYTES:
            raise TooLarge("The unpacked rows are too large.", field="body")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise BodyMalformed("The body is no readable Parquet file.", field="body") from error
    arrays: dict[str, Any] = {}
    for name in table.column_names:
        if name.startswith("__index_level_"):
            continue
        arrays[name] = table.column(table.column_names.index(name)).to_pylist()
    return columns_from_records(
        signature,
        [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)],
    )

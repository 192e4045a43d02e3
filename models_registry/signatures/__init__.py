"""What a model takes and gives, and the one columnar form in which rows travel through the product.

Training, the parity gate and serving all turn their rows into :class:`Columns` and from there into what an
estimator sees, so a model meets in production exactly the representation that it was fitted on. Rows of a
dataset are read by ``batches``, which loads Arrow for it.
"""

from __future__ import annotations

from models_registry.signatures.arrays import (
    columns_from_arrays,
    columns_from_matrix,
    columns_from_rows,
)
from models_registry.signatures.columns import (
    Columns,
    columns_from_frame,
    columns_from_lists,
    columns_from_read,
    columns_from_records,
    columns_of_one,
)
from models_registry.signatures.errors import BodyMalformed, InputRefused, RowComplaint
from models_registry.signatures.signature import (
    BESIDE,
    Field,
    FieldType,
    Signature,
    infer_signature,
)
from models_registry.signatures.wire import (
    columns_from_body,
    decode_body,
    decode_instances,
    encode_instances,
)

__all__ = [
    "BESIDE",
    "BodyMalformed",
    "Columns",
    "Field",
    "FieldType",
    "InputRefused",
    "RowComplaint",
    "Signature",
    "columns_from_arrays",
    "columns_from_body",
    "columns_from_frame",
    "columns_from_lists",
    "columns_from_matrix",
    "columns_from_read",
    "columns_from_records",
    "columns_from_rows",
    "columns_of_one",
    "decode_body",
    "decode_instances",
    "encode_instances",
    "infer_signature",
]

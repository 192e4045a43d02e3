"""A fitted ``ColumnTransformer`` as plain arrays: impute, scale and encode without pandas.

Every text column has an encoder of its own, and an encoder is nothing but a function of one value. So it is
asked once for each known category (and for one that it does not know) and its answers are kept in a table.
scikit-learn is needed to take one apart, and not to apply what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models_registry.runtimes.base import CannotRun
from models_registry.signatures import Columns, Signature
from models_registry.signatures.magnitudes import has_nan

#: No category that somebody trained with: a private-use character.
_UNKNOWN = "\ue000unknown\ue000"
_SINGLE = np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class NumericBlock:
    """How a group of numeric columns is prepared: ``(fill(x) - mean) / scale``.

    Attributes
    ----------
    is_everything
        Whether these are all numeric columns, in their order.
    """

    sources: npt.NDArray[np.intp]
    is_everything: bool
    target: slice
    fill: npt.NDArray[np.float32] | None
    mean: npt.NDArray[np.float64] | None
    scale: npt.NDArray[np.float64] | None

    def apply(self, numeric: npt.NDArray[np.float64]) -> npt.NDArray[np.floating[Any]]:
        """Return the prepared columns, shape (n, number of sources)."""
        taken = numeric if self.is_everything else numeric[:, self.sources]
        values: npt.NDArray[np.floating[Any]] = taken.astype(_SINGLE, order="C")
        if self.fill is not None and has_nan(values):
            values = np.where(np.isnan(values), self.fill, values)
        if self.mean is not None:
            values = values - self.mean
        if self.scale is not None:
            values = values / self.scale
        return values


@dataclass(frozen=True, slots=True)
class TextBlock:
    """How a text column is prepared: row ``codes[value]`` of a table, the last row when unknown."""

    source: int
    target: slice
    codes: Mapping[str, int]
    table: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preparation:
    """The first step of a pipeline, taken apart.

    Attributes
    ----------
    is_one_block
        Whether there is nothing but one group of numeric columns.
    """

    width: int
    numeric: tuple[NumericBlock, ...]
    text: tuple[TextBlock, ...]
    is_one_block: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look once at what is asked with each request."""
        is_one = not self.text and [len(one.sources) for one in self.numeric] == [self.width]
        object.__setattr__(self, "is_one_block", is_one)

    @classmethod
    def of(cls, transformer: Any, signature: Signature) -> Preparation:
        """Take a fitted ``ColumnTransformer`` apart.

        Raises
        ------
        CannotRun
            It is something else, or holds a step that is not known here.
        """
        from sklearn.compose import ColumnTransformer

        if not isinstance(transformer, ColumnTransformer):
            raise CannotRun(f"a {type(transformer).__name__} is not known")
        numbers = {field.name: index for index, field in enumerate(signature.numeric)}
        texts = {field.name: index for index, field in enumerate(signature.text)}
        numeric: list[NumericBlock] = []
        text: list[TextBlock] = []
        for name, step, columns in transformer.transformers_:
            target = transformer.output_indices_[name]
            if name == "remainder":
                continue
            if all(column in numbers for column in columns):
                sources = np.array([numbers[column] for column in columns], dtype=np.intp)
                numeric.append(_numeric_block(step, sources, target, len(numbers)))
            elif len(columns) == 1 and columns[0] in texts:
                text.append(_text_block(step, columns[0], texts[columns[0]], target))
            else:
                raise CannotRun(f"the step '{name}' is not known")
        width = max(
            (block.stop for block in transformer.output_indices_.values() if block is not None),
            default=0,
        )
        return cls(width, tuple(numeric), tuple(text))

    def apply(self, columns: Columns) -> npt.NDArray[np.float32]:
        """Return the prepared rows, float32, shape (n, width)."""
        if self.is_one_block:
            prepared = self.numeric[0].apply(columns.numeric)
            return prepared if prepared.dtype is _SINGLE else prepared.astype(_SINGLE)
        out = np.empty((columns.row_count, self.width), dtype=np.float32)
        for block in self.numeric:
            out[:, block.target] = block.apply(columns.numeric)
        for piece in self.text:
            codes = piece.codes
            unknown = len(piece.table) - 1
            rows = [codes.get(value, unknown) for value in columns.text[piece.source]]
            out[:, piece.target] = piece.table[rows]
        return out


def _numeric_block(
    step: Any, sources: npt.NDArray[np.intp], target: slice, count: int
) -> NumericBlock:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [part for _, part in step.steps] if isinstance(step, Pipeline) else [step]
    fill = mean = scale = None
    for part in steps:
        if part == "passthrough" or type(part).__name__ == "FunctionTransformer":
            if part != "passthrough" and part.func is not None:
                raise CannotRun("a function of one's own is not known")
        elif isinstance(part, SimpleImputer) and not part.add_indicator:
            fill = np.asarray(part.statistics_, dtype=np.float32)
        elif isinstance(part, StandardScaler):
            mean = np.asarray(part.mean_, dtype=np.float64)
            scale = np.asarray(part.scale_, dtype=np.float64)
        else:
            raise CannotRun(f"a {type(part).__name__} is not known")
    is_everything = np.array_equal(sources, np.arange(count))
    return NumericBlock(sources, is_everything, target, fill, mean, scale)


def _text_block(step: Any, column: str, source: int, target: slice) -> TextBlock:
    import pandas as pd
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if not isinstance(step, OneHotEncoder | OrdinalEncoder):
        raise CannotRun(f"a {type(step).__name__} is not known")
    (known,) = step.categories_
    values = [str(value) for value in known]
    asked = pd.DataFrame({column: pd.Series([*values, _UNKNOWN], dtype=object)})
    table = np.asarray(step.transform(asked), dtype=np.float32)
    return TextBlock(source, target, {value: row for row, value in enumerate(values)}, table)

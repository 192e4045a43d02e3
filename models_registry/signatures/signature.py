"""The signature: names and types of what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, cast

from datasets.schema import Schema, ValueLimits
from datasets.schema.limits import UNLIMITED
from models_registry.signatures.limited import Limited
from models_registry.signatures.rows import BodyReader

if TYPE_CHECKING:
    import pandas as pd

FieldType = Literal["number", "integer", "boolean", "string"]
FieldFormat = Literal["date-time"]
Task = Literal["classification", "regression", "anomaly"]
ClassLabel = str | int | bool

#: What may stand beside the rows in a body of the native wire.
BESIDE = ("threshold", "explain")

#: A text column with more distinct values than this keeps no list of its categories.
MOST_CATEGORIES = 1000


@dataclass(frozen=True, slots=True)
class Field:
    """One input column.

    Attributes
    ----------
    nullable
        Whether ``null`` is a value of this column.
    categories
        The values that training saw, for text columns with not too many of them.
    limits
        Range or closed set that the dataset's schema states. A value outside is flagged in the answer, and
        refused only where the schema says ``enforce``.
    description
        What the dataset's schema says about the column.
    format
        ``date-time`` for text that says a moment (ISO 8601); such a column has no categories.
    """

    name: str
    type: FieldType
    nullable: bool = False
    categories: tuple[str, ...] | None = None
    limits: ValueLimits = UNLIMITED
    description: str = ""
    format: FieldFormat | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether the column becomes a number (truth values do: 0 and 1)."""
        return self.type != "string"


@dataclass(frozen=True)
class Signature:
    """What a model version takes and gives.

    Attributes
    ----------
    inputs
        The input columns, in the order in which the pipeline was fitted.
    classes
        The labels of a classifier, in the order of its probabilities; None for other tasks.
    output_name
        The name of the target.
    """

    inputs: tuple[Field, ...]
    task: Task
    classes: tuple[ClassLabel, ...] | None = None
    output_name: str = "prediction"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all inputs, in order."""
        return tuple(field.name for field in self.inputs)

    @cached_property
    def numeric(self) -> tuple[Field, ...]:
        """The inputs that become numbers, in order."""
        return tuple(field for field in self.inputs if field.is_numeric)

    @cached_property
    def text(self) -> tuple[Field, ...]:
        """The inputs that stay text, in order."""
        return tuple(field for field in self.inputs if not field.is_numeric)

    @cached_property
    def moments(self) -> tuple[int, ...]:
        """Positions, among the text inputs, of those that say moments."""
        return tuple(index for index, field in enumerate(self.text) if field.format is not None)

    @cached_property
    def category_sets(self) -> tuple[frozenset[str] | None, ...]:
        """The known categories of each text input."""
        return tuple(
            None if field.categories is None else frozenset(field.categories) for field in self.text
        )

    @cached_property
    def pick_numbers(self) -> Callable[[Mapping[str, Any]], Any]:
        """What takes the numeric values out of a record: a tuple, of a single one the value itself."""
        return itemgetter(*(field.name for field in self.numeric))

    @cached_property
    def body_reader(self) -> BodyReader:
        """What reads bodies of the native wire when nothing is unusual about them."""
        return BodyReader(self.inputs, beside=BESIDE)

    @cached_property
    def has_booleans(self) -> bool:
        """Whether an input is a truth value."""
        return any(field.type == "boolean" for field in self.inputs)

    @cached_property
    def integers(self) -> tuple[int, ...]:
        """Positions, among the numeric inputs, of the integers."""
        return tuple(index for index, field in enumerate(self.numeric) if field.type == "integer")

    @cached_property
    def limited(self) -> tuple[Limited, ...]:
        """The inputs with limits."""
        return tuple(
            Limited.of(field.name, field.limits, place=place, is_numeric=field.is_numeric)
            for fields in (self.numeric, self.text)
            for place, field in enumerate(fields)
            if field.limits
        )

    @cached_property
    def is_plain(self) -> bool:
        """Whether all inputs are numbers without limits, none of them an integer."""
        return not (self.text or self.integers or self.limited)

    def declared_by(self, schema: Schema) -> Signature:
        """Return the signature with what the edited schema of a dataset says about its inputs.

        Limits and descriptions are taken over, and null is a value where the schema lets it be one: what a
        dataset takes in, a model that was trained on it answers.
        """
        said = {column.name: column for column in schema}
        inputs = [
            field
            if (column := said.get(field.name)) is None
            else replace(
                field,
                nullable=field.nullable or column.nullable,
                limits=column.limits if field.format is None else UNLIMITED,
                description=column.description,
            )
            for field in self.inputs
        ]
        return replace(self, inputs=tuple(inputs))

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as JSON-compatible values."""
        return {
            "inputs": [
                {
                    "name": field.name,
                    "type": field.type,
                    "nullable": field.nullable,
                    "categories": None if field.categories is None else list(field.categories),
                    **({"limits": field.limits.to_dict()} if field.limits else {}),
                    **({"description": field.description} if field.description else {}),
                    **({} if field.format is None else {"format": field.format}),
                }
                for field in self.inputs
            ],
            "task": self.task,
            "classes": None if self.classes is None else list(self.classes),
            "output_name": self.output_name,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Signature:
        """Return the signature that :meth:`to_dict` wrote."""
        return cls(
            inputs=tuple(
                Field(
                    name=item["name"],
                    type=item["type"],
                    nullable=item["nullable"],
                    categories=None if item["categories"] is None else tuple(item["categories"]),
                    limits=ValueLimits.from_dict(item.get("limits", {})),
                    description=item.get("description", ""),
                    format=item.get("format"),
                )
                for item in value["inputs"]
            ),
            task=value["task"],
            classes=None if value["classes"] is None else tuple(value["classes"]),
            output_name=value["output_name"],
        )


def infer_signature(
    frame: pd.DataFrame,
    *,
    task: Task,
    classes: Sequence[ClassLabel] | None = None,
    output_name: str = "prediction",
    moments: Collection[str] = (),
    integers: Collection[str] = (),
) -> Signature:
    """Return the signature of the columns of ``frame`` (n rows), by their dtypes and values.

    Parameters
    ----------
    moments
        The text columns that say moments (ISO 8601).
    integers
        The numeric columns that hold integers, whatever pandas made of them: it makes doubles of integers beside
        missing ones.

    A column is nullable when at least one of its values is missing; truth values stay truth values,
    integers integers, other numbers numbers, and everything else is text.
    """
    return Signature(
        inputs=tuple(
            _field(str(name), frame[name], name in moments, name in integers)
            for name in frame.columns
        ),
        task=task,
        classes=None if classes is None else tuple(classes),
        output_name=output_name,
    )


def _field(name: str, column: pd.Series[Any], is_moment: bool, is_integer: bool) -> Field:
    import pandas as pd

    missing = bool(column.isna().any())
    if is_moment:
        return Field(name, "string", missing, format="date-time")
    present = column.dropna()
    if pd.api.types.is_bool_dtype(column.dtype) or (
        len(present) > 0 and all(isinstance(value, bool) for value in present)
    ):
        return Field(name, "boolean", missing)
    if pd.api.types.is_integer_dtype(column.dtype):
        return Field(name, "integer", missing)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Field(name, "integer" if is_integer else "number", missing)
    distinct = cast("list[str]", sorted({str(value) for value in present}))
    known = tuple(distinct) if len(distinct) <= MOST_CATEGORIES else None
    return Field(name, "string", missing, known)

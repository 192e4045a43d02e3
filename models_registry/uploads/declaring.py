"""What the sender says about a file's inputs and outputs, as JSON, checked before the file is opened.

``{"inputs": ["size", {"name": "region", "type": "string", "categories": ["north", "south"]}], "classes":
["no", "yes"], "output_name": "churn", "outputs": {"labels": "…", "scores": "…", "scores_are": "logit"}}``, each
part as wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from core.errors import FieldError
from models_registry.errors import DeclarationRefused
from models_registry.signatures import FieldType
from models_registry.uploads.limits import MOST_COLUMNS

ScoresAre = Literal["probability", "logit", "value", "anomaly", "normality"]

_KEYS = frozenset({"inputs", "classes", "output_name", "outputs"})
_INPUT_KEYS = frozenset({"name", "type", "nullable", "categories", "description"})
_OUTPUT_KEYS = frozenset({"labels", "scores", "scores_are"})
_MOST_CLASSES = 1000
_MOST_CATEGORIES = 1000
_LONGEST_NAME = 250


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """What is said of one column; None where nothing is."""

    name: str
    type: FieldType | None = None
    nullable: bool | None = None
    categories: tuple[str, ...] | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of a file.

    Attributes
    ----------
    inputs
        The columns, in the order in which the file takes them; empty: by the file's own names.
    classes
        In the order of the scores; empty: by the file's own names, or numbered.
    labels, scores
        Names of the file's outputs; empty: those that look like it.
    scores_are
        What the scores mean; None: what they look like.
    """

    inputs: tuple[DeclaredInput, ...] = ()
    classes: tuple[str | int | bool, ...] = ()
    output_name: str = ""
    labels: str = ""
    scores: str = ""
    scores_are: ScoresAre | None = None

    @classmethod
    def from_dict(cls, value: Any) -> Declaration:
        """Return the declaration that a JSON value states.

        Raises
        ------
        DeclarationRefused
            Naming each part that is wrong, as ``signature.inputs[2].type``.
        """
        if value is None:
            return cls()
        reader = _Reader()
        found = reader.read(value)
        if reader.errors:
            first = reader.errors[0]
            raise DeclarationRefused(f"{first.field}: {first.message}", errors=reader.errors)
        return found


class _Reader:
    """Collects what is wrong while it reads."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def _complain(self, field: str, message: str) -> None:
        self.errors.append(FieldError(f"signature{field}", message))

    def read(self, value: Any) -> Declaration:
        if not isinstance(value, Mapping):
            self._complain("", "an object was expected")
            return Declaration()
        self._check_keys("", value, _KEYS)
        outputs = value.get("outputs") or {}
        if not isinstance(outputs, Mapping):
            self._complain(".outputs", "an object was expected")
            outputs = {}
        self._check_keys(".outputs", outputs, _OUTPUT_KEYS)
        scores_are = outputs.get("scores_are")
        if scores_are not in (None, *get_args(ScoresAre)):
            self._complain(
                ".outputs.scores_are", f"must be one of {', '.join(get_args(ScoresAre))}"
            )
            scores_are = None
        return Declaration(
            inputs=self._inputs(value.get("inputs") or []),
            classes=self._classes(value.get("classes") or []),
            output_name=self._text(".output_name", value.get("output_name", "")),
            labels=self._text(".outputs.labels", outputs.get("labels", "")),
            scores=self._text(".outputs.scores", outputs.get("scores", "")),
            scores_are=scores_are,
        )

    def _check_keys(self, field: str, value: Mapping[str, Any], known: frozenset[str]) -> None:
        for key in sorted(map(str, set(value) - known)):
            self._complain(f"{field}.{key}", f"is not known; there are {', '.join(sorted(known))}")

    def _text(self, field: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > _LONGEST_NAME:
            self._complain(field, f"a text of up to {_LONGEST_NAME} characters was expected")
            return ""
        return value

    def _inputs(self, value: Any) -> tuple[DeclaredInput, ...]:
        if not isinstance(value, list) or len(value) > MOST_COLUMNS:
            self._complain(".inputs", f"a list of up to {MOST_COLUMNS:,} columns was expected")
            return ()
        found = [self._input(f".inputs[{at}]", one) for at, one in enumerate(value)]
        names = [one.name for one in found]
        for at, name in enumerate(names):
            if name and name in names[:at]:
                self._complain(f".inputs[{at}].name", f"'{name}' is there twice")
        return tuple(found)

    def _input(self, field: str, value: Any) -> DeclaredInput:
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            self._complain(field, "a name, or an object with a name, was expected")
            return DeclaredInput("")
        self._check_keys(field, value, _INPUT_KEYS)
        name = self._text(f"{field}.name", value.get("name"))
        if not name:
            self._complain(f"{field}.name", "a column needs a name")
        kind = value.get("type")
        if kind is not None and kind not in get_args(FieldType):
            self._complain(f"{field}.type", f"must be one of {', '.join(get_args(FieldType))}")
            kind = None
        nullable = value.get("nullable")
        if nullable is not None and not isinstance(nullable, bool):
            self._complain(f"{field}.nullable", "true or false was expected")
            nullable = None
        return DeclaredInput(
            name=name,
            type=cast("FieldType | None", kind),
            nullable=nullable,
            categories=self._categories(f"{field}.categories", value.get("categories")),
            description=self._text(f"{field}.description", value.get("description", "")),
        )

    def _categories(self, field: str, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= _MOST_CATEGORIES
            or not all(isinstance(one, str) for one in value)
        ):
            self._complain(field, f"a list of 1 to {_MOST_CATEGORIES:,} texts was expected")
            return None
        return tuple(value)

    def _classes(self, value: Any) -> tuple[str | int | bool, ...]:
        if (
            not isinstance(value, list)
            or len(value) > _MOST_CLASSES
            or not all(isinstance(one, str | int) for one in value)
            or len({(type(one), one) for one in value}) != len(value)
            or len({type(one) for one in value}) > 1
        ):
            self._complain(
                ".classes", "a list of different texts, whole numbers or truth values was expected"
            )
            return ()
        if len(value) == 1:
            self._complain(".classes", "at least two classes are needed")
        return tuple(value)

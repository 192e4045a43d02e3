"""Binding an inspected file to a signature: which columns it takes, and which of its outputs are the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import FieldError
from models_registry.errors import DeclarationRefused
from models_registry.runtimes.uploaded import Binding, BoundInput, Meaning
from models_registry.signatures import Field, FieldType, Signature
from models_registry.signatures.signature import ClassLabel, Task
from models_registry.uploads.declaring import Declaration, DeclaredInput
from models_registry.uploads.probing import widths_of

_FLOATS = ("float16", "float32", "float64")
#: Operators whose single output per row is a probability.
_GIVES_PROBABILITY = frozenset({"Sigmoid", "HardSigmoid"})


@dataclass(frozen=True, slots=True)
class _Slot:
    """One column of one tensor."""

    name: str
    type: str
    categories: tuple[str, ...] | None


def bind(
    found: Mapping[str, Any], *, task: Task, declared: Declaration, output_name: str = ""
) -> tuple[Signature, Binding]:
    """Return the signature of a file, and how its tensors serve it.

    Parameters
    ----------
    found
        ``facts`` and ``outputs``, as the sandbox answered.
    output_name
        Name of the target, where none is declared.

    Raises
    ------
    DeclarationRefused
        What was declared does not fit the file, or something must be declared that the file does not say.
    """
    inputs: Sequence[Mapping[str, Any]] = found["facts"]["inputs"]
    widths = widths_of(inputs, len(declared.inputs) or None)
    slots = _slots(inputs, widths)
    ordered = _in_order(slots, declared.inputs)
    fields = [_field(slot, said) for slot, said in zip(slots, ordered, strict=True)]
    names = iter(field.name for field in fields)
    bound = tuple(
        BoundInput(
            one["name"], one["type"], tuple(next(names) for _ in range(width)), int(one["rank"])
        )
        for one, width in zip(inputs, widths, strict=True)
    )
    _refuse_twins(fields)
    scores = _scores_output(found["outputs"], task, declared)
    classes: tuple[ClassLabel, ...] | None = None
    labels, label_values = "", ()
    if task == "classification":
        labels_output = _labels_output(found["outputs"], declared)
        values = _values_of_classes(found["facts"], scores, labels_output)
        classes = _classes(declared, scores, labels_output, values)
        if labels_output is not None:
            labels = str(labels_output["name"])
            label_values = tuple(values if values is not None else range(len(classes)))
    binding = Binding(
        inputs=bound,
        scores=str(scores["name"]),
        meaning=_meaning(task, scores, declared),
        labels=labels,
        label_values=label_values,
        map_keys=tuple(scores["keys"] or ()),
    )
    signature = Signature(
        tuple(fields), task, classes, declared.output_name or output_name or "prediction"
    )
    return signature, binding


def _refused(field: str, message: str) -> DeclarationRefused:
    return DeclarationRefused(message, field=f"signature.{field}")


def _slots(inputs: Sequence[Mapping[str, Any]], widths: Sequence[int]) -> list[_Slot]:
    """Return the columns by the file's own names: a tensor of one column gives it its name."""
    found: list[_Slot] = []
    for one, width in zip(inputs, widths, strict=True):
        known = None if one["categories"] is None else tuple(one["categories"])
        prefix = "f" if len(inputs) == 1 else f"{one['name']}_"
        found.extend(
            _Slot(str(one["name"]) if width == 1 else f"{prefix}{at}", one["type"], known)
            for at in range(width)
        )
    return found


def _in_order(
    slots: Sequence[_Slot], declared: Sequence[DeclaredInput]
) -> Sequence[DeclaredInput | None]:
    """Return what is said of each column: by name where all names are the file's own, else by position."""
    if not declared:
        return [None] * len(slots)
    by_name = {one.name: one for one in declared}
    if set(by_name) == {slot.name for slot in slots}:
        return [by_name[slot.name] for slot in slots]
    if len(declared) != len(slots):
        raise _refused(
            "inputs",
            f"{len(declared)} columns are named; the model takes {len(slots)}: "
            f"{', '.join(slot.name for slot in slots[:10])}{', …' if len(slots) > 10 else ''}.",
        )
    return declared


def _field(slot: _Slot, said: DeclaredInput | None) -> Field:
    usual, possible = _types(slot.type)
    if said is None:
        return Field(slot.name, usual, categories=slot.categories if usual == "string" else None)
    kind = said.type or usual
    if kind not in possible:
        raise _refused(
            "inputs",
            f"'{said.name}' cannot be a {kind}: the model takes it as {slot.type}.",
        )
    if said.nullable and slot.type not in (*_FLOATS, "string"):
        raise _refused(
            "inputs", f"'{said.name}' cannot be null: the model takes it as {slot.type}."
        )
    if said.categories is not None and kind != "string":
        raise _refused("inputs", f"'{said.name}' is a {kind}; only text has categories.")
    return Field(
        said.name,
        kind,
        nullable=bool(said.nullable),
        categories=(said.categories or slot.categories) if kind == "string" else None,
        description=said.description,
    )


def _types(tensor: str) -> tuple[FieldType, tuple[FieldType, ...]]:
    """Return what a column of a tensor is, and what it may be declared to be."""
    if tensor == "string":
        return "string", ("string",)
    if tensor == "bool":
        return "boolean", ("boolean",)
    if tensor in _FLOATS:
        return "number", ("number", "integer", "boolean")
    return "integer", ("integer", "boolean")


def _refuse_twins(fields: Sequence[Field]) -> None:
    names = [field.name for field in fields]
    twin = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twin is not None:
        raise _refused("inputs", f"Two columns have the name '{twin}'.")


def _scores_output(
    outputs: Sequence[Mapping[str, Any]], task: Task, declared: Declaration
) -> Mapping[str, Any]:
    kinds = ("numbers", "maps") if task == "classification" else ("numbers",)
    if declared.scores:
        chosen = [one for one in outputs if one["name"] == declared.scores]
        if not chosen or chosen[0]["kind"] not in kinds:
            raise _refused("outputs.scores", _no_such(declared.scores, outputs, kinds))
    else:
        chosen = [one for one in outputs if one["kind"] in kinds]
    what = "scores of classes" if task == "classification" else "values"
    if not chosen:
        raise _refused("outputs.scores", f"The model has no output with {what} (floating point).")
    if len(chosen) > 1:
        names = ", ".join(str(one["name"]) for one in chosen)
        raise _refused("outputs.scores", f"Name the output with the {what}; there are {names}.")
    if task != "classification" and chosen[0]["width"] != 1:
        raise _refused(
            "outputs.scores",
            f"The output '{chosen[0]['name']}' has {chosen[0]['width']} values for each row; one is needed.",
        )
    return chosen[0]


def _labels_output(
    outputs: Sequence[Mapping[str, Any]], declared: Declaration
) -> Mapping[str, Any] | None:
    possible = [one for one in outputs if one["kind"] == "labels" and one["width"] == 1]
    if declared.labels:
        chosen = [one for one in possible if one["name"] == declared.labels]
        if not chosen:
            raise _refused("outputs.labels", _no_such(declared.labels, outputs, ("labels",)))
        return chosen[0]
    return possible[0] if len(possible) == 1 else None


def _no_such(name: str, outputs: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> str:
    known = [str(one["name"]) for one in outputs if one["kind"] in kinds]
    return f"There is no such output '{name}'; there are {', '.join(known) or 'none'}."


def _values_of_classes(
    facts: Mapping[str, Any],
    scores: Mapping[str, Any],
    labels: Mapping[str, Any] | None,
) -> list[Any] | None:
    """Return what the file calls the classes, in the order of the scores; None where it does not say."""
    if scores["keys"]:
        return list(scores["keys"])
    known: list[Any] | None = facts["classes"]
    count = max(int(scores["width"]), 2)
    if known is None or len(known) != count:
        return None
    is_text = isinstance(known[0], str)
    if labels is not None and is_text != (labels["type"] == "string"):
        return None
    return known


def _classes(
    declared: Declaration,
    scores: Mapping[str, Any],
    labels: Mapping[str, Any] | None,
    values: Sequence[Any] | None,
) -> tuple[ClassLabel, ...]:
    count = max(int(scores["width"]), 2)
    if declared.classes and len(declared.classes) != count:
        raise _refused(
            "classes", f"{len(declared.classes)} classes are named; the model scores {count}."
        )
    if labels is not None and values is None and labels["type"] == "string":
        raise _refused(
            "outputs.labels",
            f"The order of the classes behind '{labels['name']}' is not in the file; export the model with "
            "its class labels, or without the labels' output.",
        )
    return declared.classes or tuple(values if values is not None else range(count))


def _meaning(task: Task, scores: Mapping[str, Any], declared: Declaration) -> Meaning:
    said = declared.scores_are
    if task == "anomaly":
        if said == "anomaly" or said == "normality":
            return said
        raise _refused(
            "outputs.scores_are",
            "Say whether scores are high for what is unusual ('anomaly') or for what is usual ('normality').",
        )
    if task != "classification":
        if said not in (None, "value"):
            raise _refused("outputs.scores_are", f"A {task} has values, not a {said}.")
        return "value"
    if said in ("value", "anomaly", "normality"):
        raise _refused("outputs.scores_are", "A classification has probabilities or logits.")
    if said is not None:
        return said
    if scores["sums_to_one"] or scores["operator"] in _GIVES_PROBABILITY:
        return "probability"
    raise _refused(
        "outputs.scores_are",
        f"The output '{scores['name']}' does not look like probabilities; say whether it gives 'probability' "
        "or 'logit'.",
    )


def complaint_about_columns(signature: Signature, columns: Sequence[str]) -> list[FieldError]:
    """Return what is missing in the data that the model is to be measured on."""
    known = set(columns)
    return [
        FieldError(
            "signature.inputs",
            f"The data has no column '{field.name}'; name the model's columns as the data does.",
        )
        for field in signature.inputs
        if field.name not in known
    ]

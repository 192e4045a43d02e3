"""What a training is made from: all that is needed to train the same model again from the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models_registry.signatures.signature import Task
from training.splits import SplitPolicy


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """All that is needed to train the same model again from the same rows.

    Attributes
    ----------
    recipe
        The revision of a recipe: ``recipe`` and ``revision`` (ids), ``name``, ``number``, ``sha256`` and its
        ``steps``.
    target
        Empty for anomalies that nobody knows.
    decision
        The rule that the decision threshold is chosen by; None for none.
    split
        None stands for a split by class where the classes are large enough, and a random one else.
    """

    target: str
    features: tuple[str, ...]
    task: Task
    estimator: str
    params: Mapping[str, Any]
    seed: int = 0
    holdout_fraction: float = 0.2
    folds: int = 5
    recipe: Mapping[str, Any] | None = None
    split: SplitPolicy | None = None
    decision: Mapping[str, Any] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that the training reads, each once."""
        by = [self.split.column] if self.split is not None and self.split.column else []
        return tuple(dict.fromkeys([*self.features, *([self.target] if self.target else []), *by]))

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of the recipe; none without one."""
        return list(self.recipe["steps"]) if self.recipe is not None else []

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as JSON-compatible values."""
        return {
            **asdict(self),
            "features": list(self.features),
            "params": dict(self.params),
            "recipe": None if self.recipe is None else dict(self.recipe),
            "split": None if self.split is None else self.split.to_dict(),
            "decision": None if self.decision is None else dict(self.decision),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TrainingSpec:
        """Return the spec that :meth:`to_dict` wrote; unknown keys are left out."""
        known = {key: value[key] for key in cls.__slots__ if key in value}
        split = known.get("split")
        return cls(
            **{
                **known,
                "features": tuple(value["features"]),
                "split": None if split is None else SplitPolicy.from_dict(split),
            }
        )

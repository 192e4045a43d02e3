"""Saying why: made ready when somebody asks for the first time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from core.errors import TooLarge
from models_registry.explanations import CannotExplain, Explainer, explain_rows
from models_registry.signatures import Columns
from serving.errors import NotExplainable
from serving.protocols import Explained


class Explaining:
    """A model's explainer: most models are never asked why, so it is loaded when one is.

    Parameters
    ----------
    load
        Loads it; may take seconds.
    """

    def __init__(self, load: Callable[[], Explainer]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._explainer: Explainer | None = None

    def ready_for(self, rows: int) -> Explainer:
        """Return the explainer, for so many rows.

        Raises
        ------
        NotExplainable
            The version has no reference rows.
        TooLarge
            These are more rows than are explained at once.
        DomainError
            A file of the version is missing or damaged.
        """
        explainer = self._ready()
        most = most_rows(explainer)
        if rows > most:
            raise TooLarge(
                f"{rows:,} instances; this model explains at most {most:,} at once.",
                field="instances",
            )
        return explainer

    @property
    def most_rows(self) -> int:
        """How many rows are explained at once.

        Raises
        ------
        NotExplainable, DomainError
            As :meth:`ready_for` does.
        """
        return most_rows(self._ready())

    def _ready(self) -> Explainer:
        with self._lock:
            if self._explainer is None:
                try:
                    self._explainer = self._load()
                except CannotExplain as error:
                    raise NotExplainable(f"This version: {error}.", field="explain") from error
            return self._explainer


def most_rows(explainer: Explainer) -> int:
    """Return how many rows are explained at once: by count, and by how often a model answers for them."""
    by_cost = settings.EXPLAIN_MAX_EVALUATIONS // max(1, explainer.evaluations_per_row)
    most: int = min(settings.EXPLAIN_MAX_ROWS, by_cost)
    return max(1, most)


def explained(explainer: Explainer, columns: Columns, labels: Sequence[Any]) -> Explained:
    """Return why rows got their labels."""
    return Explained(
        explain_rows(explainer, columns.signature, columns, labels),
        {
            "method": explainer.method,
            "quantity": explainer.quantity,
            "exact": explainer.is_exact,
            "reference_rows": explainer.reference_rows,
            "evaluations_per_row": explainer.evaluations_per_row,
        },
    )

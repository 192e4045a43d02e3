"""Answering together the requests that wait anyway.

A runtime that computes one request at a time keeps the others waiting. Whoever gets the lock takes all that
wait, computes once, and hands out the parts; nobody ever waits for company.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models_registry.runtimes import Runtime, Scores
from models_registry.signatures import Columns

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    columns: Columns
    scores: Scores | None = None
    error: Exception | None = None

    @property
    def is_answered(self) -> bool:
        return self.scores is not None or self.error is not None


class BatchedRuntime:
    """A runtime that takes waiting requests together, up to ``most_rows`` rows at a time."""

    def __init__(self, runtime: Runtime, *, most_rows: int = 4096) -> None:
        self.name = runtime.name
        self._runtime = runtime
        self._most_rows = most_rows
        self._mutex = threading.Lock()
        self._running = threading.Lock()
        self._queue: list[_Waiting] = []

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        mine = _Waiting(columns)
        with self._mutex:
            self._queue.append(mine)
        while not mine.is_answered:
            with self._running:
                if not mine.is_answered:
                    self._answer(self._take())
        if mine.error is not None:
            raise mine.error
        assert mine.scores is not None
        return mine.scores

    def _take(self) -> list[_Waiting]:
        """Take from the front of the queue: one request at least, then as many as fit."""
        with self._mutex:
            count, rows = 1, self._queue[0].columns.row_count
            for waiting in self._queue[1:]:
                rows += waiting.columns.row_count
                if rows > self._most_rows:
                    break
                count += 1
            taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        if len(batch) > 1:
            try:
                scores = self._runtime.predict(_joined([one.columns for one in batch]))
            except Exception:
                logger.exception("requests cannot be answered together; each is asked alone")
            else:
                _hand_out(batch, scores)
                return
        for one in batch:
            try:
                one.scores = self._runtime.predict(one.columns)
            except Exception as error:  # noqa: BLE001 (raised again in the thread that waits)
                one.error = error


def _joined(parts: Sequence[Columns]) -> Columns:
    return Columns(
        parts[0].signature,
        np.concatenate([part.numeric for part in parts]),
        tuple(np.concatenate(columns) for columns in zip(*(p.text for p in parts), strict=True)),
        sum(part.row_count for part in parts),
    )


def _hand_out(batch: Sequence[_Waiting], scores: Scores) -> None:
    start = 0
    for one in batch:
        end = start + one.columns.row_count
        probabilities = None if scores.probabilities is None else scores.probabilities[start:end]
        one.scores = Scores(scores.labels[start:end], probabilities)
        start = end

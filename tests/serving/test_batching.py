"""Slow models answer together the requests that wait anyway."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models_registry.runtimes import Scores
from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import Columns, Field, Signature
from serving.routing.batching import BatchedRuntime
from tests.models_registry.fitting import fit

SIGNATURE = Signature((Field("a", "number"),), "regression")


def rows(value: float, count: int = 2) -> Columns:
    return Columns(SIGNATURE, np.full((count, 1), value), (), count)


class Slow:
    """A runtime that shows what it was asked together, and lets the first call wait."""

    name = "native"

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.asked = threading.Event()
        self.go = threading.Event()

    def predict(self, columns: Columns) -> Scores:
        if not self.sizes:
            self.asked.set()
            self.go.wait(10)
        self.sizes.append(columns.row_count)
        if np.isnan(columns.numeric).any():
            raise ArithmeticError("a row that cannot be answered")
        return Scores(columns.numeric[:, 0].tolist(), None)


def ask_while_the_first_waits(
    runtime: BatchedRuntime, slow: Slow, values: list[float], count: int = 2
) -> list[object]:
    """Ask for all values, the others only when the first is being answered; return what each got."""

    def ask(value: float) -> object:
        try:
            return runtime.predict(rows(value, count)).labels
        except ArithmeticError:
            return "refused"

    with ThreadPoolExecutor(len(values)) as threads:
        first = threads.submit(ask, values[0])
        assert slow.asked.wait(10)
        others = [threads.submit(ask, value) for value in values[1:]]
        pause = threading.Event()
        for _ in range(500):
            if len(runtime._queue) == len(others):
                break
            pause.wait(0.02)
        slow.go.set()
        return [one.result(10) for one in (first, *others)]


def test_requests_that_wait_are_answered_together_and_each_gets_its_own() -> None:
    slow = Slow()
    values = [float(number) for number in range(8)]
    answers = ask_while_the_first_waits(BatchedRuntime(slow), slow, values)
    assert answers == [[value] * 2 for value in values]
    assert slow.sizes == [2, 14]


def test_a_request_that_fails_takes_no_other_with_it() -> None:
    slow = Slow()
    values = [0.0, 1.0, float("nan"), 3.0]
    answers = ask_while_the_first_waits(BatchedRuntime(slow), slow, values)
    assert answers == [[0.0] * 2, [1.0] * 2, "refused", [3.0] * 2]
    assert slow.sizes == [2, 6, 2, 2, 2]


def test_no_more_rows_are_taken_together_than_allowed() -> None:
    slow = Slow()
    values = [float(number) for number in range(6)]
    answers = ask_while_the_first_waits(BatchedRuntime(slow, most_rows=5), slow, values)
    assert answers == [[value] * 2 for value in values]
    assert slow.sizes == [2, 4, 4, 2]


def test_a_request_larger_than_the_most_is_answered_alone() -> None:
    slow = Slow()
    answers = ask_while_the_first_waits(BatchedRuntime(slow, most_rows=5), slow, [1.0, 2.0], 7)
    assert answers == [[1.0] * 7, [2.0] * 7]
    assert slow.sizes == [7, 7]


def test_answers_from_many_threads_equal_those_given_one_by_one() -> None:
    one = fit("random_forest", "multiclass")
    plain = NativeRuntime(one.pipeline, one.signature)
    batched = BatchedRuntime(plain)
    parts = [one.held_out.take(slice(start, start + 3)) for start in range(0, 60, 3)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(batched.predict, parts))
    for part, got in zip(parts, together, strict=True):
        alone = plain.predict(part)
        assert got.labels == alone.labels
        assert np.array_equal(got.scores, alone.scores)

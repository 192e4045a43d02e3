"""The run: all servers of one model at a time, cell by cell, contender by contender, round by round."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np

from benchmarks.serving.contenders import PRODUCT, ROOT, Contender, Facts, product_environment
from benchmarks.serving.load import Failed, Measured, Question, ask, load
from benchmarks.serving.processes import (
    Server,
    environment,
    free_port,
    wait_until_it_answers,
)
from benchmarks.serving.shipping import ship, wait

#: Of a probability. The product proves its runtimes to 1e-5; others add the cast of their own wire.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured together."""

    model: str
    rows: int
    connections: int


@dataclass(frozen=True, slots=True)
class Sustained:
    """How the product did for a long stretch, and how many seconds later all of it was in the lake."""

    seconds: int
    measured: Measured
    shipped_after: float


@dataclass
class Results:
    """What was measured.

    Attributes
    ----------
    rounds
        For each cell and contender one figure for each round in which it answered.
    memory, whole_memory
        Bytes of the process that answers and those below it, and of everything that a contender started, after the load;
        the largest of all models.
    sustained
        By model.
    troubles
        What went wrong, in words.
    """

    rounds: dict[Cell, dict[str, list[Measured]]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    whole_memory: dict[str, int] = field(default_factory=dict)
    sustained: dict[str, Sustained] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def median(self, cell: Cell, name: str) -> Measured | None:
        """Return the medians of a contender's rounds; None when there are none."""
        found = self.rounds.get(cell, {}).get(name)
        if not found:
            return None
        return Measured(
            *(
                float(np.median([getattr(one, what) for one in found]))
                for what in ("per_second", "p50_ms", "p99_ms")
            )
        )

    def ratio(self, cell: Cell, name: str, other: str) -> float | None:
        """Return how many times as many requests a contender answered as another, the median of the rounds."""
        left, right = (self.rounds.get(cell, {}).get(one, []) for one in (name, other))
        if not left or not right:
            return None
        return float(
            np.median([a.per_second / b.per_second for a, b in zip(left, right, strict=False)])
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    models: Sequence[str]
    rows: Sequence[int]
    connections: Sequence[int]
    rounds: int
    seconds: int
    sustained_seconds: int = 0

    def cells(self, model: str) -> list[Cell]:
        """Return the cells of one model."""
        return [Cell(model, rows, count) for rows in self.rows for count in self.connections]


def prepare(folder: Path, models: Sequence[str]) -> Facts:
    """Let the product train what everybody serves."""
    tell("training through the product's services …")
    subprocess.run(
        (sys.executable, "-m", "benchmarks.serving.prepare", str(folder), *models),
        cwd=ROOT,
        env=environment({**product_environment(folder), "LOG_LEVEL": "ERROR"}),
        check=True,
    )
    return Facts.read(folder)


def run(plan: Plan, facts: Facts, pythons: Mapping[Contender, str]) -> Results:
    """Measure everything."""
    results = Results()
    for model in plan.models:
        tell(f"starting the servers of '{model}' …")
        servers: dict[str, tuple[Server, int]] = {}
        try:
            taking_part = _start(facts, model, pythons, servers, results)
            taking_part = _check(plan, facts, model, taking_part, servers, results)
            _measure(plan, facts, model, taking_part, servers, results)
            if plan.sustained_seconds and PRODUCT in taking_part:
                _, port = servers[PRODUCT.name]
                results.sustained[model] = _sustained(plan, facts, model, port)
            for contender in taking_part:
                server, port = servers[contender.shares or contender.name]
                asked = None if contender.is_alone else port + contender.after
                for kept, bytes_now in (
                    (results.memory, server.memory_bytes(port=asked)),
                    (results.whole_memory, server.memory_bytes()),
                ):
                    kept[contender.name] = max(kept.get(contender.name, 0), bytes_now)
        finally:
            for server, _ in servers.values():
                server.stop()
    return results


def _sustained(plan: Plan, facts: Facts, model: str, port: int) -> Sustained:
    """Ask the product for one row at a time for long enough that shipping cannot be put off."""
    tell(f"'{model}' for {plan.sustained_seconds} seconds on end …")
    measured = load(
        _question(PRODUCT, facts, model, port, 1),
        connections=16,
        seconds=plan.sustained_seconds,
        folder=facts.folder,
    )
    return Sustained(plan.sustained_seconds, measured, wait(facts))


def _start(
    facts: Facts,
    model: str,
    pythons: Mapping[Contender, str],
    servers: dict[str, tuple[Server, int]],
    results: Results,
) -> list[Contender]:
    """Start the servers and return whose are up."""
    up = []
    for contender, python in pythons.items():
        name = contender.shares or contender.name
        try:
            if name not in servers:
                port = free_port()
                servers[name] = contender.start(python, facts, model, port), port
                wait_until_it_answers(*servers[name])
            server, port = servers[name]
            wait_until_it_answers(server, port + contender.after)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or error
            results.troubles.append(f"{contender.title}, {model}: {said}")
            tell(results.troubles[-1])
        else:
            up.append(contender)
    return up


def _question(contender: Contender, facts: Facts, model: str, port: int, rows: int) -> Question:
    body = json.dumps(contender.body(facts, rows), separators=(",", ":")).encode()
    path = contender.path.format(model=model)
    return Question(port + contender.after, path, contender.headers_for(facts), body)


def _check(
    plan: Plan,
    facts: Facts,
    model: str,
    contenders: Sequence[Contender],
    servers: Mapping[str, tuple[Server, int]],
    results: Results,
) -> list[Contender]:
    """Return who gives the answers of the fitted pipeline; asking warms them up, too."""
    pipeline = joblib.load(facts.folder / f"{model}.joblib")
    right = []
    for contender in contenders:
        _, port = servers[contender.shares or contender.name]
        try:
            for rows in plan.rows:
                answer = ask(_question(contender, facts, model, port, rows))
                if contender.read is not None:
                    expected = pipeline.predict_proba(np.array(facts.rows[:rows], dtype=np.float32))
                    gap = np.abs(np.asarray(contender.read(answer)) - expected).max()
                    if not gap <= TOLERANCE:
                        raise Failed(f"its probabilities differ by {gap:.2g}")
        except (Failed, KeyError, ValueError) as error:
            results.troubles.append(f"{contender.title}, {model}: {error}")
            tell(results.troubles[-1])
        else:
            right.append(contender)
    return right


def _measure(
    plan: Plan,
    facts: Facts,
    model: str,
    contenders: Sequence[Contender],
    servers: Mapping[str, tuple[Server, int]],
    results: Results,
) -> None:
    for turn in range(plan.rounds):
        for cell in plan.cells(model):
            # Another one begins in each round, so that nobody always follows the same neighbour.
            begin = turn % max(1, len(contenders))
            for contender in [*contenders[begin:], *contenders[:begin]]:
                _, port = servers[contender.shares or contender.name]
                question = _question(contender, facts, model, port, cell.rows)
                try:
                    measured = load(
                        question,
                        connections=cell.connections,
                        seconds=plan.seconds,
                        folder=facts.folder,
                    )
                    # Whatever it still has in hand is done before the next one's turn.
                    ask(question)
                    if contender.is_ours:
                        ship(facts)
                except Failed as error:
                    results.troubles.append(f"{contender.title}, {cell}: {error}")
                    tell(results.troubles[-1])
                    continue
                results.rounds.setdefault(cell, {}).setdefault(contender.name, []).append(measured)
            tell(
                f"round {turn + 1}/{plan.rounds}: {model}, {cell.rows} rows, {cell.connections} conn."
            )


def tell(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)

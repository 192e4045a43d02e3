"""What was measured, as tables, beside what was to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.serving.contenders import CONTENDERS
from benchmarks.serving.running import Cell, Results

_OTHERS = ("fastapi", "mlflow", "constant")


@dataclass(frozen=True, slots=True)
class Target:
    """What was to be reached; ``found`` is None when it was not measured."""

    text: str
    wanted: float
    found: float | None
    is_limit: bool = False

    @property
    def is_reached(self) -> bool | None:
        """Whether it was reached; None when it was not measured."""
        if self.found is None:
            return None
        return self.found <= self.wanted if self.is_limit else self.found >= self.wanted


def targets(results: Results) -> Iterator[Target]:
    """Yield what was to be reached."""

    def busy(model: str) -> Cell:
        return Cell(model, 1, 16)

    forest = busy("forest")
    yield Target("forest: × MLflow", 100, results.ratio(forest, "product", "mlflow"))
    yield Target("forest: × FastAPI", 40, results.ratio(forest, "product", "fastapi"))
    yield Target("forest, documented view: × FastAPI", 8, results.ratio(forest, "view", "fastapi"))
    yield Target("linear: × FastAPI", 8, results.ratio(busy("linear"), "product", "fastapi"))
    for model in ("linear", "forest", "boosting"):
        found = results.ratio(busy(model), "product", "constant")
        yield Target(f"{model}: × the constant", 0.5, found)
    for model in ("linear", "forest", "boosting"):
        ratios = [
            ratio
            for cell in results.rounds
            if cell.model == model and cell.rows == 1000
            if (ratio := results.ratio(cell, "product", "fastapi")) is not None
        ]
        text = f"{model}, 1,000 rows, at the worst number of connections: × FastAPI"
        yield Target(text, 3, min(ratios, default=None))
    if "product" in results.memory and "mlserver" in results.memory:
        share = results.memory["product"] / results.memory["mlserver"]
        yield Target("memory of the scorer: × MLServer", 1, share, is_limit=True)


def table(results: Results) -> str:
    """Return everything as text."""
    lines = []
    for cell in results.rounds:
        lines += ["", f"{cell.model}, {cell.rows:,} rows a request, {cell.connections} connections"]
        head = f"  {'':34s}{'req/s':>10}{'rows/s':>12}{'p50 ms':>9}{'p99 ms':>9}"
        lines.append(head + "".join(f"{'× ' + name:>12}" for name in _OTHERS))
        for name, contender in CONTENDERS.items():
            one = results.median(cell, name)
            if one is None:
                continue
            ratios = (results.ratio(cell, name, other) for other in _OTHERS)
            lines.append(
                f"  {contender.title:34s}{one.per_second:10,.0f}{one.per_second * cell.rows:12,.0f}"
                f"{one.p50_ms:9.2f}{one.p99_ms:9.2f}"
                + "".join(f"{'' if ratio is None else f'{ratio:.2f}':>12}" for ratio in ratios)
            )
    lines += ["", "memory after the load (proportional set size), MiB"]
    for name, size in results.memory.items():
        whole = results.whole_memory[name]
        also = f"   (with worker, beat, shipper and Redis: {whole / 2**20:,.0f})"
        lines.append(
            f"  {CONTENDERS[name].title:34s}{size / 2**20:10,.0f}{also if whole > size else ''}"
        )
    for model, long in results.sustained.items():
        told = long.measured
        lines += [
            "",
            f"{model}, 1 row a request, 16 connections, {long.seconds} seconds on end with shipping",
            f"  {told.per_second:,.0f} requests per second, p50 {told.p50_ms:.2f} ms, p99 {told.p99_ms:.2f} ms",
            f"  all of it was in the lake {long.shipped_after:.0f} seconds later",
        ]
    lines += ["", "to reach, one row and 16 connections where nothing else is said"]
    for target in targets(results):
        sign = "≤" if target.is_limit else "≥"
        found = "not measured" if target.found is None else f"{target.found:.2f}"
        verdict = {True: "reached", False: "MISSED", None: ""}[target.is_reached]
        lines.append(f"  {target.text:64s}{sign} {target.wanted:<6g}{found:>14} {verdict}")
    if results.troubles:
        lines += ["", "what went wrong", *(f"  {one}" for one in results.troubles)]
    return "\n".join(lines)

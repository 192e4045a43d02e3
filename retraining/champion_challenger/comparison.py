"""Measuring two models on the same rows, and, apart from it, deciding between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retraining.champion_challenger.betting import WealthPath, play


class Outcome(StrEnum):
    """What a comparison comes to."""

    BETTER = "better"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured: no threshold, no verdict.

    Attributes
    ----------
    margin
        δ, the gain that is too small to be worth a change.
    gain
        The bettor who says "the challenger is better by more than δ".
    harm
        The bettor who says "the challenger is worse by more than δ", on the same rows.
    """

    margin: float
    gain: WealthPath
    harm: WealthPath

    @property
    def row_count(self) -> int:
        """How many rows were played on."""
        return self.gain.row_count

    @property
    def mean_difference(self) -> float:
        """Mean of champion's loss minus challenger's; 0 without rows."""
        return float(self.gain.differences.mean()) if self.row_count else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the record of the comparison, from which :meth:`from_dict` plays it again."""
        return {
            "n": self.row_count,
            "margin": self.margin,
            "mean_difference": self.mean_difference,
            "D": self.gain.differences.tolist(),
            "lambda": self.gain.stakes.tolist(),
            "W": self.gain.wealth.tolist(),
            "harm_lambda": self.harm.stakes.tolist(),
            "harm_W": self.harm.wealth.tolist(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Play a recorded comparison again, from its differences and margin alone."""
        differences = np.asarray(record["D"], dtype=np.float64)
        margin = float(record["margin"])
        return cls(
            margin=margin,
            gain=play(differences, margin=margin),
            harm=play(-differences, margin=margin),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """A comparison read at one level.

    Attributes
    ----------
    outcome
        Which bettor first became rich enough, if one did.
    threshold
        1/α, the wealth that was needed.
    decided_after_rows
        Rows after which the outcome was certain; absent when it never was.
    wealth, harm_wealth
        The two bettors' wealth at that moment, or at the end.
    further_rows
        About how many further rows of the same kind would have taken the gain bettor to the
        threshold; absent when it got there, or when its wealth did not grow.
    """

    outcome: Outcome
    threshold: float
    decided_after_rows: int | None
    wealth: float
    harm_wealth: float
    further_rows: int | None


def compare(
    champion_losses: npt.ArrayLike,
    challenger_losses: npt.ArrayLike,
    *,
    margin: float = 0.0,
    horizon: int,
) -> Comparison:
    """Play both games on the first ``horizon`` rows.

    Parameters
    ----------
    champion_losses, challenger_losses
        Losses of the two models on the same rows, in the order in which the labels arrived, each in
        [0, 1].
    margin
        The gain that is too small to be worth a change, in [0, 1).
    horizon
        Rows after which the comparison ends, whatever came of it.

    Raises
    ------
    ValueError
        The two have different lengths, a loss is outside [0, 1], or the horizon is not positive.

    Examples
    --------
    >>> compare([1, 1, 0, 1], [0, 0, 0, 0], horizon=3).gain.differences.tolist()
    [1.0, 1.0, 0.0]
    """
    champion = np.asarray(champion_losses, dtype=np.float64)
    challenger = np.asarray(challenger_losses, dtype=np.float64)
    if champion.shape != challenger.shape:
        raise ValueError(f"{champion.size} losses of the champion, {challenger.size} of the other")
    if horizon < 1:
        raise ValueError(f"the horizon must be at least one row, not {horizon}")
    differences = (champion - challenger)[:horizon]
    return Comparison(
        margin=margin,
        gain=play(differences, margin=margin),
        harm=play(-differences, margin=margin),
    )


def decide(comparison: Comparison, *, level: float) -> Decision:
    """Read a comparison at the level that this challenger may spend.

    The challenger is better when the gain bettor reaches ``1/level`` first, worse when the harm
    bettor does, and the comparison is inconclusive when neither has by its end. Each of the two
    mistakes has at most probability ``level``.

    Raises
    ------
    ValueError
        ``level`` is not between 0 and 1.

    Examples
    --------
    >>> decide(compare([1] * 20, [0] * 20, horizon=20), level=0.03).outcome
    <Outcome.BETTER: 'better'>
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level must lie between 0 and 1, not {level}")
    threshold = 1.0 / level
    never = comparison.row_count
    reached = {
        Outcome.BETTER: comparison.gain.first_reaching(threshold),
        Outcome.WORSE: comparison.harm.first_reaching(threshold),
    }
    moments = {outcome: never if at is None else at for outcome, at in reached.items()}
    first = min(moments.values())
    if first == never:
        return Decision(
            outcome=Outcome.INCONCLUSIVE,
            threshold=threshold,
            decided_after_rows=None,
            wealth=comparison.gain.final,
            harm_wealth=comparison.harm.final,
            further_rows=_further_rows(comparison.gain, threshold),
        )
    return Decision(
        outcome=next(outcome for outcome, at in moments.items() if at == first),
        threshold=threshold,
        decided_after_rows=first + 1,
        wealth=float(comparison.gain.wealth[first]),
        harm_wealth=float(comparison.harm.wealth[first]),
        further_rows=None,
    )


def _further_rows(path: WealthPath, threshold: float) -> int | None:
    """Return the rows that the mean growth of log W so far would still need."""
    if path.row_count == 0 or path.final <= 1.0:
        return None
    growth_per_row = math.log(path.final) / path.row_count
    return math.ceil((math.log(threshold) - math.log(path.final)) / growth_per_row)

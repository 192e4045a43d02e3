"""Whether a challenger has proved itself: a test that may be looked at at any time.

The way through: two models' per-row losses (:mod:`.losses`) become differences in the order in
which labels arrived; a bettor plays on them (:mod:`.betting`); a comparison holds what was
measured, and a decision reads it at the level that is left for this challenger (:mod:`.spending`,
:mod:`.comparison`).
"""

from retraining.champion_challenger.betting import MAX_STAKE, WealthPath, play
from retraining.champion_challenger.comparison import (
    Comparison,
    Decision,
    Outcome,
    compare,
    decide,
)
from retraining.champion_challenger.losses import (
    Loss,
    brier_losses,
    clipped_absolute_errors,
    error_scale,
    zero_one_losses,
)
from retraining.champion_challenger.spending import challenger_level

__all__ = [
    "MAX_STAKE",
    "Comparison",
    "Decision",
    "Loss",
    "Outcome",
    "WealthPath",
    "brier_losses",
    "challenger_level",
    "clipped_absolute_errors",
    "compare",
    "decide",
    "error_scale",
    "play",
    "zero_one_losses",
]

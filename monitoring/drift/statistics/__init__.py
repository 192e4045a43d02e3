"""Further statistics that people know from other tools; shown beside the verdict, never deciding it."""

from __future__ import annotations

from monitoring.drift.statistics.hellinger import hellinger_distance
from monitoring.drift.statistics.kolmogorov_smirnov import KolmogorovSmirnov, kolmogorov_smirnov
from monitoring.drift.statistics.l_infinity import l_infinity_distance
from monitoring.drift.statistics.population_stability import population_stability_index
from monitoring.drift.statistics.wasserstein import normed_wasserstein_distance

__all__ = [
    "KolmogorovSmirnov",
    "hellinger_distance",
    "kolmogorov_smirnov",
    "l_infinity_distance",
    "normed_wasserstein_distance",
    "population_stability_index",
]

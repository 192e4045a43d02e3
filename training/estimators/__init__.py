"""The catalogue of estimators: an allow-list with typed hyper-parameters."""

from __future__ import annotations

from training.estimators.catalogue import (
    CATALOGUE,
    Estimator,
    build_estimator,
    default_estimator,
    estimator_named,
    validated_params,
)
from training.estimators.parameters import Choice, Number, Parameter, WholeNumber

__all__ = [
    "CATALOGUE",
    "Choice",
    "Estimator",
    "Number",
    "Parameter",
    "WholeNumber",
    "build_estimator",
    "default_estimator",
    "estimator_named",
    "validated_params",
]

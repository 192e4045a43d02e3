"""Ways to compute a version's answers: scikit-learn itself, and faster ones that are proved equal to it."""

from __future__ import annotations

from models_registry.runtimes.base import CannotRun, Runtime, Scores
from models_registry.runtimes.choice import RuntimeChoice, choose_runtime, load_runtime
from models_registry.runtimes.linear import LinearRuntime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.onnx import OnnxRuntime, convert
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.proof import (
    Agreement,
    compare,
    differing_rows,
    proof_rows,
    through_the_wire,
)
from models_registry.runtimes.recipes import FittedRecipe, Parts
from models_registry.runtimes.trees import TreeRuntime
from models_registry.runtimes.uploaded import Binding, BoundInput, RowsNotComputed, UploadedRuntime

__all__ = [
    "Agreement",
    "Binding",
    "BoundInput",
    "CannotRun",
    "FittedRecipe",
    "LinearRuntime",
    "NativeRuntime",
    "OnnxRuntime",
    "Parts",
    "Preparation",
    "RowsNotComputed",
    "Runtime",
    "RuntimeChoice",
    "Scores",
    "TreeRuntime",
    "UploadedRuntime",
    "choose_runtime",
    "compare",
    "convert",
    "differing_rows",
    "load_runtime",
    "proof_rows",
    "through_the_wire",
]

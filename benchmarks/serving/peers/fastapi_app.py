"""A server as a team would write it by hand, asked with the product's own bodies."""

from __future__ import annotations

import os
from typing import Any

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["BENCHMARK_MODEL"])
NAMES = os.environ["BENCHMARK_NAMES"].split("\t")
app = FastAPI()


class Request(BaseModel):
    """Rows by name, as the product takes them."""

    instances: list[dict[str, float]]


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """Answer with classes and probabilities."""
    rows = np.array(
        [[instance[name] for name in NAMES] for instance in request.instances], dtype=np.float32
    )
    probabilities = model.predict_proba(rows)
    return {
        "predictions": model.classes_[probabilities.argmax(axis=1)].tolist(),
        "probabilities": probabilities.tolist(),
    }

"""Which paths are scoring addresses, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from serving.protocols import MLFLOW, NATIVE, OPEN_INFERENCE, Address, scoring_address


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/endpoints/e/predict/", (NATIVE, None, "e", None, None)),
        ("/v2/models/e/infer", (OPEN_INFERENCE, None, "e", None, None)),
        ("/v2/models/e/versions/3/infer", (OPEN_INFERENCE, None, "e", 3, None)),
        ("/serve/p/v2/models/e/infer", (OPEN_INFERENCE, "p", "e", None, None)),
        ("/invocations", (MLFLOW, None, "", None, None)),
        ("/serve/p/e/invocations", (MLFLOW, "p", "e", None, None)),
    ],
)
def test_paths_say_dialect_project_endpoint_and_version(
    path: str, expected: tuple[Any, ...]
) -> None:
    assert scoring_address(path) == Address(*expected)


def test_tensorflow_paths_name_versions_and_labels() -> None:
    found = scoring_address("/serve/p/v1/models/e/labels/champion:predict")
    assert found is not None
    assert (found.project, found.endpoint, found.alias) == ("p", "e", "champion")
    assert scoring_address("/v1/models/e/versions/2:classify") is not None


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/endpoints/predict/",
        "/api/v1/endpoints/a/b/predict/",
        "/v1/models/:predict",
        "/v1/models/e:explode",
        "/v1/models/e/versions/x:predict",
        "/v1/models/e/versions/²:predict",
        "/v1/models/e/versions/1/labels/2:predict",
        "/v2/models/e/labels/champion/infer",
        "/v2/models//infer",
        "/serve//e/invocations",
        "/serve/p/a/b/invocations",
        "/serve/p",
        "/invocations/",
        "/",
    ],
)
def test_other_paths_are_no_scoring_addresses(path: str) -> None:
    assert scoring_address(path) is None

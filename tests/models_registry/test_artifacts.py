"""Artifacts: opened against the server's own list, or not at all."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from core.blobs import BlobCorrupt, BlobMissing, default_store
from models_registry.artifacts import (
    TRUSTED_TYPES,
    ArtifactUnreadable,
    UntrustedArtifact,
    dump_pipeline,
    load_pipeline,
)
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import compare
from tests.models_registry.fitting import fit
from tests.models_registry.test_runtimes import FAMILIES


class Foreign(LogisticRegression):  # type: ignore[misc]
    """An estimator that the server knows nothing of."""


def shout(text: Any) -> Any:
    """Stand for any function that a file could name."""
    raise AssertionError("a function of the file was run")


@pytest.mark.parametrize(("estimator", "kind"), FAMILIES[1:9:2])
def test_what_was_stored_answers_as_before(estimator: str, kind: Any) -> None:
    one = fit(estimator, kind)
    loaded = load_pipeline(dump_pipeline(one.pipeline))
    before = NativeRuntime(one.pipeline, one.signature).predict(one.held_out)
    after = NativeRuntime(loaded, one.signature).predict(one.held_out)
    assert compare(before, after).largest_difference < 1e-12


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pipeline([("model", Foreign())]),
        lambda: Pipeline([("call", FunctionTransformer(shout)), ("model", LogisticRegression())]),
        lambda: Pipeline([("model", LogisticRegression(C=np.random.default_rng))]),
    ],
    ids=["class", "function", "constructor"],
)
def test_a_file_with_a_foreign_type_is_refused_and_names_it(make: Callable[[], Pipeline]) -> None:
    data = skops.io.dumps(make())
    with pytest.raises(UntrustedArtifact) as refused:
        load_pipeline(data)
    assert refused.value.details["types"]
    assert refused.value.details["types"][0] in refused.value.message


def test_the_list_that_a_file_declares_is_ignored() -> None:
    """skops keeps what a type is called in the file; to call it trusted there changes nothing."""
    data = skops.io.dumps(Pipeline([("model", Foreign())]))
    archive = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(archive.read("schema.json"))
    schema["trusted"] = [*TRUSTED_TYPES, f"{Foreign.__module__}.Foreign"]
    schema["content"]["trusted"] = True
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as out:
        out.writestr("schema.json", json.dumps(schema))
        for name in archive.namelist():
            if name != "schema.json":
                out.writestr(name, archive.read(name))
    with pytest.raises(UntrustedArtifact, match="Foreign"):
        load_pipeline(forged.getvalue())


@pytest.mark.parametrize("value", [LogisticRegression(), [1, 2], {"a": 1}, "text"])
def test_a_file_that_holds_no_pipeline_is_refused(value: Any) -> None:
    with pytest.raises(UntrustedArtifact, match="pipeline"):
        load_pipeline(skops.io.dumps(value))


class Bomb:
    """A pickle of this would run a function when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return shout, ("boo",)


def _joblib(compress: int | tuple[str, int]) -> bytes:
    out = io.BytesIO()
    joblib.dump(Bomb(), out, compress=compress)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Bomb(), protocol=5),
        pickle.dumps(Bomb(), protocol=2),
        pickle.dumps(Bomb(), protocol=0),
        _joblib(0),
        _joblib(3),
        _joblib(("gzip", 3)),
        _joblib(("bz2", 3)),
        _joblib(("xz", 3)),
        b"",
        b"PK\x03\x04",
        b"PK\x03\x04 and then nothing of sense",
        b"GIF89a",
    ],
)
def test_a_pickle_or_rubbish_is_never_opened(data: bytes) -> None:
    with pytest.raises(ArtifactUnreadable):
        load_pipeline(data)


def test_a_pickle_inside_a_zip_is_not_opened() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("0.pkl", pickle.dumps(Bomb()))
    with pytest.raises((ArtifactUnreadable, UntrustedArtifact)):
        load_pipeline(out.getvalue())


def test_a_damaged_file_is_refused_whatever_byte_is_wrong() -> None:
    data = dump_pipeline(fit("ridge", "regression").pipeline)
    rng = np.random.default_rng(8)
    for place in rng.integers(0, len(data), 60):
        hurt = bytearray(data)
        hurt[place] ^= 0xFF
        try:
            loaded = load_pipeline(bytes(hurt))
        except (ArtifactUnreadable, UntrustedArtifact):
            continue
        assert isinstance(loaded, Pipeline)  # the byte did not matter to a reader
    with pytest.raises(ArtifactUnreadable):
        load_pipeline(data[: len(data) // 2])


def test_a_blob_whose_bytes_were_exchanged_is_refused(lake_home: Any) -> None:
    store = default_store()
    blob = store.put_bytes(dump_pipeline(fit("ridge", "regression").pipeline))
    path = lake_home / "blobs" / blob.digest[:2] / blob.digest[2:4] / blob.digest
    path.chmod(0o640)
    path.write_bytes(dump_pipeline(fit("logistic", "binary").pipeline))
    with pytest.raises(BlobCorrupt):
        store.read(blob.digest)
    with pytest.raises(BlobMissing):
        store.read("0" * 64)

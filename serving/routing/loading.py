"""Models in memory, by their files: those that answer, and those that answered until recently."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import orjson

from models_registry.models import ModelVersion
from serving.routing.routes import LoadedModel, load_model

#: A version that could not be loaded is tried again after so many seconds.
TRY_AGAIN_SECONDS = 10.0
#: A model that answers nowhere any more is kept so long: a rollback that soon follows loads nothing.
KEEP_SECONDS = 900.0

Key = tuple[str, str, str, str, str, bytes, bytes]


class LoadedModels:
    """Loads each model once, however many endpoints it answers at.

    Parameters
    ----------
    load
        Loads a version; may raise anything.
    clock
        Seconds that only rise.
    """

    def __init__(
        self,
        load: Callable[[ModelVersion], LoadedModel] = load_model,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._clock = clock
        self._loading = threading.Lock()
        self._models: dict[Key, LoadedModel] = {}
        self._wanted: frozenset[Key] = frozenset()
        self._last_wanted: dict[Key, float] = {}
        self._try_again_at: dict[Key, float] = {}

    def __len__(self) -> int:
        return len(self._models)

    def get(self, version: ModelVersion) -> LoadedModel | None:
        """Return a version's model, when it is in memory."""
        return self._models.get(_key(version))

    def is_worth_trying(self, version: ModelVersion) -> bool:
        """Whether loading has not failed just now."""
        return self._clock() >= self._try_again_at.get(_key(version), 0.0)

    def load(self, version: ModelVersion) -> LoadedModel:
        """Return a version's model, from its files when it is not in memory.

        Raises
        ------
        Exception
            Whatever reading the files or asking the model once raised; it is remembered for a while.
        """
        key = _key(version)
        with self._loading:
            model = self._models.get(key)
            if model is None:
                try:
                    model = self._load(version)
                except Exception:
                    self._try_again_at[key] = self._clock() + TRY_AGAIN_SECONDS
                    raise
                self._try_again_at.pop(key, None)
                self._last_wanted[key] = self._clock()
                self._models[key] = model
        return model

    def want(self, versions: Iterable[ModelVersion]) -> None:
        """Keep these versions, and others for a while only."""
        self._wanted = frozenset(map(_key, versions))

    def forget(self) -> None:
        """Forget the models that have not been wanted for a while."""
        now = self._clock()
        for key in list(self._last_wanted):
            if key in self._wanted:
                self._last_wanted[key] = now
            elif now - self._last_wanted[key] > KEEP_SECONDS:
                self._last_wanted.pop(key)
                self._models.pop(key, None)


def _key(version: ModelVersion) -> Key:
    """Return what makes a loaded model what it is."""
    signature = orjson.dumps(version.signature, option=orjson.OPT_SORT_KEYS)
    binding = orjson.dumps(version.upload.get("binding"), option=orjson.OPT_SORT_KEYS)
    return (
        version.artifact_digest,
        version.onnx_digest,
        version.plan_digest,
        version.reference_digest,
        version.runtime,
        signature,
        binding,
    )

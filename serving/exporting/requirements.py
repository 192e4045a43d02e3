"""What an exported server needs to be installed, in the versions that are installed here."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Distributions by the name that is imported.
_DISTRIBUTIONS: Mapping[str, str] = {
    "fastapi": "fastapi",
    "flask": "flask",
    "msgspec": "msgspec",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "orjson": "orjson",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skops": "skops",
}
#: Frameworks that need not be installed here: the version that exports were tried with.
FRAMEWORK_VERSIONS: Mapping[str, str] = {"fastapi": "0.165.0", "flask": "3.1.3"}
#: Runs the server: granian speaks WSGI and ASGI.
SERVER = "granian"


class LibraryUnknown(Exception):
    """The sources import a library for which no distribution is named here."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What ``pip install -r`` is given.

    Attributes
    ----------
    pins
        Versions by distribution, of all that is needed, what libraries need themselves included.
    is_framework_installed
        Whether the framework (with what it needs) is installed here and its pins are those versions.
    """

    pins: Mapping[str, str]
    is_framework_installed: bool

    def text(self) -> bytes:
        """Return the content of ``requirements.txt``."""
        lines = [
            f"# What the site that exported the model ran with, on Python {platform.python_version()}.",
            *(f"{name}=={version}" for name, version in sorted(self.pins.items())),
        ]
        return ("\n".join(lines) + "\n").encode()


def requirements_of(libraries: Iterable[str], *, framework: str, with_onnx: bool) -> Requirements:
    """Return the pinned requirements of sources that import these libraries.

    Parameters
    ----------
    with_onnx
        Whether the version's runtime is onnxruntime's.

    Raises
    ------
    LibraryUnknown
        A library is not known here.
    """
    pins: dict[str, str] = {}
    for library in sorted(libraries):
        if library in sys.stdlib_module_names:
            continue
        name = _DISTRIBUTIONS.get(library)
        if name is None:
            raise LibraryUnknown(f"'{library}' is not among the libraries that are exported.")
        if name == framework or (name == "onnxruntime" and not with_onnx):
            continue
        _pin(name, pins)
    _pin(SERVER, pins)
    is_installed = _pin(framework, pins)
    if not is_installed:
        pins[framework] = FRAMEWORK_VERSIONS[framework]
    return Requirements(pins, is_installed)


def _pin(name: str, pins: dict[str, str]) -> bool:
    """Pin a distribution and what it needs, as installed here; False when it is not."""
    name = canonicalize_name(name)
    if name in pins:
        return True
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    pins[name] = found.version
    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            _pin(needed.name, pins)
    return True

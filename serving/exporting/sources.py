"""Which modules of ours an exported server needs, found by following their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import serving
from models_registry.artifacts import TRUSTED_TYPES

#: The folder that holds our packages.
ROOT = Path(serving.__file__).resolve().parents[1]
#: Imported inside of functions that an exported server never calls.
_NOT_CARRIED = frozenset({"skl2onnx"})
#: What must not come along: a server that needs it would not be one that stands alone.
_REFUSED = frozenset({"django", "rest_framework", "celery"})


class NotStandalone(Exception):
    """A module that an exported server needs imports what cannot be exported."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Modules with all that they import.

    Attributes
    ----------
    files
        Content by path from the root of our packages.
    libraries
        Top-level names of the libraries that they import.
    """

    files: Mapping[str, bytes]
    libraries: frozenset[str]


def server_sources(framework: str) -> Sources:
    """Return what the server of a framework (``flask``, ``fastapi``) needs.

    The types of ours that a pipeline's file may ask for are found by name when it is opened, so their
    modules come along, too.
    """
    trusted = [name.rpartition(".")[0] for name in TRUSTED_TYPES]
    return follow_imports(
        [
            "serving.standalone.wsgi",
            f"serving.standalone.{framework}_server",
            *(name for name in trusted if _path_of(name) is not None),
        ]
    )


def follow_imports(modules: Sequence[str]) -> Sources:
    """Return modules of ours with every module of ours that they import, and the libraries.

    Imports inside of functions count; those for type checkers only do not.

    Raises
    ------
    NotStandalone
        One of them imports Django, or by a relative name.
    """
    files: dict[str, bytes] = {}
    libraries: set[str] = set()
    waiting = list(modules)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _path_of(name)
        if path is None:
            top = name.partition(".")[0]
            if top in _REFUSED:
                raise NotStandalone(f"{top} cannot be exported.")
            if top not in _NOT_CARRIED:
                libraries.add(top)
            continue
        content = path.read_bytes()
        files[path.relative_to(ROOT).as_posix()] = content
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
        waiting.extend(_imports(ast.parse(content), name))
    return Sources(dict(sorted(files.items())), frozenset(libraries))


def _path_of(module: str) -> Path | None:
    """Return the file of a module of ours; None when it is somebody else's."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(tree: ast.Module, module: str) -> Iterator[str]:
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise NotStandalone(f"{module} imports by a relative name.")
            yield node.module
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if _path_of(inner) is not None:
                    yield inner
        nodes.extend(ast.iter_child_nodes(node))

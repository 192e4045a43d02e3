"""All addresses of the site, read from Django's resolver, with real objects in their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, get_resolver, resolve, reverse

from tests.access.table import PARAMETERS, PUBLIC, QUERIES, UNADDRESSED

SAFE = ("GET", "HEAD", "OPTIONS")
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: What the admin and the API call the key of the view's own row.
_KEYS = ("pk", "object_id", "id")


@dataclass(frozen=True)
class Address:
    """One URL pattern.

    Attributes
    ----------
    name
        What ``reverse`` takes; the pattern itself where it has no name.
    methods
        What the view answers to; for a plain function GET and POST are tried.
    model
        Whose row the path names, as far as the view says.
    """

    name: str
    route: str
    methods: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    model: type[Model] | None = None
    lookup_field: str = "pk"
    view: Any = field(default=None, compare=False)

    @property
    def is_public(self) -> bool:
        return is_named(self.name, PUBLIC)

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")

    def path(self, world: Any) -> str:
        """Return the path with the world's own rows in it."""
        values = {name: self._value(name, world) for name in self.parameters}
        if self.name == self.route:
            path = _filled(self.route, values)
        else:
            path = reverse(self.name, kwargs=values)
        return f"{path}?{QUERIES[self.name](world)}" if self.name in QUERIES else path

    def _value(self, parameter: str, world: Any) -> Any:
        if self.model is not None and parameter in (self.lookup_field, *_KEYS):
            row = world.row(self.model)
            return row.pk if self.is_admin else getattr(row, self.lookup_field)
        stands_for = PARAMETERS.get(f"{self.name}:{parameter}", PARAMETERS.get(parameter))
        if callable(stands_for):
            return stands_for(world)
        if stands_for is not None:
            label, attribute = stands_for
            return getattr(world.row_of(label), attribute)
        named = parameter.removesuffix("_id")
        model = world.model_named(named, self.name) if named != parameter else None
        assert model is not None, (
            f"'{self.name}' has a path parameter '{parameter}' that nobody knows: say in "
            "tests/access/table.py, PARAMETERS, what it stands for"
        )
        return world.row(model).pk


@cache
def addresses() -> tuple[Address, ...]:
    """Return every address that requests can reach, once."""
    found = {one.name: one for one in _walk(get_resolver().url_patterns)}
    return tuple(one for name, one in found.items() if not is_named(name, UNADDRESSED))


def api_addresses() -> list[Address]:
    """Return what programs ask: everything outside the admin that is not public."""
    return [one for one in addresses() if not one.is_admin and not one.is_public]


def admin_addresses() -> list[Address]:
    """Return the pages of the admin that are not public."""
    return [one for one in addresses() if one.is_admin and not one.is_public]


def admin_actions() -> list[Address]:
    """Return the addresses of the admin's own actions: beside those that every model has."""
    usual = re.compile(r"_(changelist|add|history|delete|change)$")
    return [
        one
        for one in admin_addresses()
        if one.model is not None and one.parameters and not usual.search(one.name)
    ]


def is_named(name: str, table: Iterable[str]) -> bool:
    """Whether an entry of a table speaks of an address; entries are regular expressions."""
    return any(re.fullmatch(entry, name) for entry in table)


def _filled(route: str, values: Mapping[str, Any]) -> str:
    """Return a path that a pattern without a name matches."""
    path = route.replace("^", "").replace("$", "")
    for name, value in values.items():
        path = re.sub(rf"\(\?P<{name}>(\[.*?\])?[^)]*\)|<(\w+:)?{name}>", str(value), path)
    path = re.sub(r"\(\?:(\w+)[^)]*\)", r"\1", path)
    assert resolve(f"/{path}"), f"nothing answers at /{path}: give the address '{route}' a name"
    return f"/{path}"


def _walk(patterns: list[Any], prefix: str = "", namespace: str = "") -> Iterator[Address]:
    for one in patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLPattern):
            yield _address(one, route, namespace)
        else:
            inner = f"{namespace}{one.namespace}:" if one.namespace else namespace
            yield from _walk(one.url_patterns, route, inner)


def _address(pattern: URLPattern, route: str, namespace: str) -> Address:
    callback: Any = pattern.callback
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    actions: Mapping[str, str] | None = getattr(callback, "actions", None)
    if actions:
        methods = [verb.upper() for verb in actions if verb != "head"]
    elif view is not None:
        methods = [verb for verb in _VERBS if hasattr(view, verb.lower())]
    else:
        methods = ["GET", "POST"]
    queryset = getattr(view, "queryset", None)
    model = queryset.model if queryset is not None else _admin_model(pattern.name or "")
    lookup = getattr(view, "lookup_field", "pk")
    return Address(
        name=f"{namespace}{pattern.name}" if pattern.name else route,
        route=route,
        methods=tuple(methods),
        parameters=tuple(re.findall(r"<(?:\w+:)?(\w+)>", route)),
        model=model,
        lookup_field=lookup,
        view=view,
    )


def _admin_model(name: str) -> type[Model] | None:
    """Return the model whose admin page has this name."""
    for model in admin.site._registry:
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return None

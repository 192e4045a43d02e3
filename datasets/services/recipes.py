"""Preprocessing recipes: write, revise, clone, delete."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from datasets.errors import RecipeInUse, RecipeNameTaken, RecipeOvertaken
from datasets.models import Recipe, RecipeRevision
from datasets.recipes import checked_steps

Steps = Sequence[Mapping[str, Any]]

_MOST_NOTE = 500


@transaction.atomic
def create_recipe(
    *,
    principal: Principal,
    name: str,
    steps: Steps,
    description: str = "",
    note: str = "",
    cloned_from: RecipeRevision | None = None,
) -> Recipe:
    """Write a recipe; its steps are revision 1.

    Raises
    ------
    RecipeRefused
        A step is not valid; the errors name it as ``steps[2].columns``.
    RecipeNameTaken
        The project has a recipe of that name.
    Invalid
        The name or the note cannot be used.
    """
    principal.require(Permission.EDIT)
    checked_name, checked = _checked_name(name), checked_steps(steps)
    try:
        with transaction.atomic():
            recipe = Recipe.objects.create(
                project_id=principal.project_id,
                name=checked_name,
                description=description.strip(),
                cloned_from=cloned_from,
                created_by_id=principal.user_id,
            )
    except IntegrityError as error:
        raise RecipeNameTaken(
            f"There is a recipe named {checked_name!r} already.", field="name"
        ) from error
    _add_revision(principal, recipe, 1, checked, note)
    audit.record(principal=principal, action="recipe.created", target=recipe, summary=checked_name)
    return recipe


@transaction.atomic
def revise_recipe(
    *,
    principal: Principal,
    recipe: Recipe,
    steps: Steps,
    note: str = "",
    based_on: int | None = None,
) -> RecipeRevision:
    """Write the next revision; the earlier ones stay as they are.

    Steps that are those of the newest revision make no other one: that revision is returned.

    Parameters
    ----------
    based_on
        Number of the revision that the steps were made from.

    Raises
    ------
    RecipeRefused
        As :func:`create_recipe`.
    RecipeOvertaken
        There is a newer revision than ``based_on``.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, recipe)
    checked = checked_steps(steps)
    newest = locked.revisions.order_by("-number").first()
    if based_on is not None and newest is not None and newest.number != based_on:
        raise RecipeOvertaken(
            f"Revision {newest.number} was saved meanwhile; look at it first.", field="based_on"
        )
    if newest is not None and newest.sha256 == _digest(checked):
        return newest
    number = 1 if newest is None else newest.number + 1
    revision = _add_revision(principal, locked, number, checked, note)
    audit.record(principal=principal, action="recipe.revised", target=locked, summary=str(revision))
    return revision


@transaction.atomic
def update_recipe(
    *,
    principal: Principal,
    recipe: Recipe,
    name: str | None = None,
    description: str | None = None,
) -> Recipe:
    """Rename or describe a recipe; None leaves as it is.

    Raises
    ------
    RecipeNameTaken, Invalid
        As :func:`create_recipe`.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, recipe)
    wanted = {} if name is None else {"name": _checked_name(name)}
    if description is not None:
        wanted["description"] = description.strip()
    changes = audit.apply_changes(locked, wanted)
    if not changes:
        return locked
    try:
        with transaction.atomic():
            locked.save(update_fields=list(changes))
    except IntegrityError as error:
        raise RecipeNameTaken(
            f"There is a recipe named {locked.name!r} already.", field="name"
        ) from error
    audit.record(principal=principal, action="recipe.changed", target=locked, changes=changes)
    return locked


@transaction.atomic
def clone_recipe(*, principal: Principal, revision: RecipeRevision, name: str) -> Recipe:
    """Write another recipe with the steps of a revision.

    Raises
    ------
    RecipeNameTaken, Invalid
        As :func:`create_recipe`.
    """
    principal.require(Permission.EDIT)
    if revision.recipe.project_id != principal.project_id:
        raise NotFound("There is no such recipe.")
    return create_recipe(
        principal=principal,
        name=name,
        steps=revision.steps,
        description=revision.recipe.description,
        note=f"Cloned from {revision}"[:_MOST_NOTE],
        cloned_from=revision,
    )


@transaction.atomic
def delete_recipe(*, principal: Principal, recipe: Recipe) -> None:
    """Delete a recipe with all its revisions.

    Raises
    ------
    RecipeInUse
        A training was asked for with one of them.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, recipe)
    audit.record(principal=principal, action="recipe.deleted", target=locked, summary=locked.name)
    try:
        locked.delete()
    except ProtectedError as error:
        raise RecipeInUse(
            f"{len(error.protected_objects)} training run(s) were made with it."
        ) from error


def _add_revision(
    principal: Principal, recipe: Recipe, number: int, steps: list[dict[str, Any]], note: str
) -> RecipeRevision:
    if len(note) > _MOST_NOTE:
        raise Invalid(f"A note has at most {_MOST_NOTE} characters.", field="note")
    return RecipeRevision.objects.create(
        recipe=recipe,
        number=number,
        steps=steps,
        sha256=_digest(steps),
        note=note.strip(),
        created_by_id=principal.user_id,
    )


def _digest(steps: list[dict[str, Any]]) -> str:
    """Return the SHA-256 (hex) of the steps as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(steps, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _lock(principal: Principal, recipe: Recipe) -> Recipe:
    locked = (
        Recipe.objects.select_for_update()
        .filter(pk=recipe.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such recipe.")
    return locked


def _checked_name(name: str) -> str:
    checked = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(checked) <= 200:
        raise Invalid("A name has 1 to 200 characters.", field="name")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in checked):
        raise Invalid("A name has no control characters.", field="name")
    return checked

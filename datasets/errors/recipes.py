"""Refusals of preprocessing recipes."""

from __future__ import annotations

from core.errors import Conflict, Invalid


class RecipeRefused(Invalid):
    """The steps of a recipe are not valid, or do not fit the columns that they meet."""

    code = "recipe_refused"
    title = "The recipe cannot be used"


class RecipeNameTaken(Conflict):
    """Another recipe of the project has that name."""

    code = "recipe_name_taken"
    title = "There is a recipe with this name already"


class RecipeInUse(Conflict):
    """A training run or a model was made with one of the recipe's revisions."""

    code = "recipe_in_use"
    title = "The recipe is in use"


class RecipeOvertaken(Conflict):
    """Somebody else saved another revision meanwhile."""

    code = "recipe_overtaken"
    title = "The recipe was changed meanwhile"

"""Preprocessing recipes in the admin: write, revise, try on data, clone, look back."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin
from core.errors import DomainError
from datasets import services
from datasets.admin.recipe_editor import RecipeEditorMixin
from datasets.models import DatasetVersion, Recipe
from datasets.recipe_previews import preview_recipe
from datasets.selectors import newest_revision, ready_versions, recipes_with_newest


class PreviewForm(forms.Form):
    """What to try a recipe on."""

    dataset_version = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(), widget=UnfoldAdminSelectWidget
    )
    target = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The column to be predicted; target encoding learns from it.",
    )


class CloneForm(forms.Form):
    """The name of a copy."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(Recipe)
class RecipeAdmin(RecipeEditorMixin, AskingAdminMixin, ModelAdmin):
    """Named lists of preprocessing steps."""

    list_display = ("name", "project", "revision", "kinds", "created_by", "created_at")
    list_filter = ("project",)
    search_fields = ("name", "description")
    list_select_related = ("project", "created_by")
    actions_detail: ClassVar[list[str]] = ["try_recipe", "clone_recipe", "delete_recipe"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipe]:
        return recipes_with_newest(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        projects = visible_projects(cast("User", request.user))
        return any(self.may(request, one, Permission.EDIT) for one in projects)

    def has_change_permission(self, request: HttpRequest, obj: Recipe | None = None) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        return self.may(request, obj.project, Permission.EDIT)

    def has_delete_permission(self, request: HttpRequest, obj: Recipe | None = None) -> bool:
        return False  # the button on the page asks the service, which knows what is in use

    @display(description="Revision")
    def revision(self, recipe: Recipe) -> str:
        return f"r{cast('Any', recipe).newest_number}"

    @display(description="Steps")
    def kinds(self, recipe: Recipe) -> str:
        steps = cast("Any", recipe).newest_steps or []
        return " → ".join(step["kind"] for step in steps[:6]) + (" …" if len(steps) > 6 else "")

    @action(description="Try on data", url_path="try", icon="table_eye")
    def try_recipe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a sample of a dataset version before and after the steps."""
        recipe = get_object_or_404(self.get_queryset(request), pk=object_id)
        form = PreviewForm(request.GET or None)
        field = cast("ModelChoiceField[Any]", form.fields["dataset_version"])
        field.queryset = ready_versions([recipe.project]).filter(dataset__project=recipe.project)
        preview = None
        revision = newest_revision(recipe)
        if request.GET and form.is_valid() and revision is not None:
            try:
                preview = preview_recipe(
                    form.cleaned_data["dataset_version"],
                    revision.steps,
                    target=form.cleaned_data["target"],
                    rows=10,
                )
            except DomainError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, str(refusal)
                )
        return TemplateResponse(
            request,
            "admin/datasets/recipe_preview.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": recipe,
                "title": f"{revision} on data",
                "form": form,
                "preview": preview,
                "back": reverse("admin:datasets_recipe_change", args=[recipe.pk]),
            },
        )

    @action(description="Clone", url_path="clone", permissions=["edit"], icon="content_copy")
    def clone_recipe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a name, then copy."""

        def act(recipe: Recipe, given: Any) -> str:
            revision = newest_revision(recipe)
            assert revision is not None
            made = services.clone_recipe(
                principal=self.principal(request, recipe.project),
                revision=revision,
                name=given["name"],
            )
            return f"The recipe {made.name} was written."

        return self.ask(
            request,
            object_id,
            lambda recipe: Question(
                f"Clone {recipe.name}",
                "The steps of its newest revision are copied.",
                "Clone",
                CloneForm,
            ),
            act,
        )

    @action(description="Delete", url_path="remove", permissions=["edit"], icon="delete")
    def delete_recipe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete."""
        recipe = get_object_or_404(self.get_queryset(request), pk=object_id)
        question = Question(
            f"Delete {recipe.name}?", "All its revisions will be gone.", "Delete", is_danger=True
        )

        def act(row: Recipe, _: Any) -> str:
            services.delete_recipe(principal=self.principal(request, row.project), recipe=row)
            return f"The recipe {row.name} was deleted."

        return self.ask(request, object_id, lambda _: question, act)

"""Preprocessing recipes in the admin: write, revise, try on data, clone, look back."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.admin_asking import AskingAdminMixin, Question
from accounts.models import Project
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.models import DatasetVersion, Recipe, RecipeRevision
from datasets.recipe_previews import preview_recipe
from datasets.recipes import STEP_KINDS, checked_steps
from datasets.recipes.describing import description_of
from datasets.selectors import newest_revision, ready_versions, recipes_with_newest

_EXAMPLE = '[{"kind": "fill", "columns": ["age"], "strategy": "median"}]'


class StepsField(forms.JSONField):
    """Steps as JSON, one on a line."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return super().prepare_value(value)
        lines = ",\n ".join(json.dumps(step, ensure_ascii=False) for step in value)
        return f"[{lines}]"


class RecipeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A recipe and the steps of its next revision."""

    steps = StepsField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 18, "class": "font-mono"}),
        help_text=f"A list of steps in their order, such as {_EXAMPLE}. The kinds are listed below.",
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="What this revision changes.",
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Recipe
        fields = ("project", "name", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk and "steps" in self.fields:
            self.initial.setdefault("steps", [])
        newest = newest_revision(self.instance) if self.instance.pk else None
        if newest is not None and "steps" in self.fields:
            self.initial.update({"steps": newest.steps, "based_on": newest.number})

    def clean_steps(self) -> Any:
        """Say of every step what is wrong with it."""
        steps = self.cleaned_data["steps"]
        try:
            return checked_steps(steps)
        except DomainError as refusal:
            raise forms.ValidationError(
                [f"{one.field}: {one.message}" for one in refusal.errors]
            ) from None


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


class RevisionInline(ReadOnlyAdminMixin, TabularInline):  # type: ignore[misc]
    """What a recipe said before, the newest first."""

    model = RecipeRevision
    extra = 0
    verbose_name_plural = "history"
    fields = ("number", "kinds", "note", "digest", "created_by", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the page of the recipe has checked who looks

    @display(description="Steps")
    def kinds(self, revision: RecipeRevision) -> str:
        return " → ".join(step["kind"] for step in revision.steps)

    @display(description="SHA-256")
    def digest(self, revision: RecipeRevision) -> str:
        return revision.sha256[:12]


@admin.register(Recipe)
class RecipeAdmin(AskingAdminMixin, ModelAdmin):
    """Named lists of preprocessing steps."""

    form = RecipeForm
    list_display = ("name", "project", "revision", "kinds", "created_by", "created_at")
    list_filter = ("project",)
    search_fields = ("name", "description")
    list_select_related = ("project", "created_by")
    inlines = (RevisionInline,)
    readonly_fields = ("kinds_of_steps",)
    fieldsets = (
        (None, {"fields": ("project", "name", "description")}),
        ("Steps", {"fields": ("steps", "note", "based_on")}),
        ("Kinds of steps", {"fields": ("kinds_of_steps",), "classes": ["collapse"]}),
    )
    actions_detail: ClassVar[list[str]] = ["try_recipe", "clone_recipe", "delete_recipe"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipe]:
        return recipes_with_newest(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Recipe | None = None) -> Any:
        """Show the revision that the address names first, e.g. the one that a run was trained with."""
        named = self._named_revision(request, obj)
        if named is None:
            return self.fieldsets
        return ((f"Revision {named.number}", {"fields": ("named_revision",)}), *self.fieldsets)

    def _named_revision(self, request: HttpRequest, recipe: Recipe | None) -> RecipeRevision | None:
        number = request.GET.get("revision", "")
        if recipe is None or not (number.isascii() and number.isdigit() and len(number) < 9):
            return None
        found = recipe.revisions.filter(number=int(number)).first()
        if found is not None:
            recipe.__dict__["named_revision"] = found
        return found

    @display(description="Its steps")
    def named_revision(self, recipe: Recipe) -> SafeString:
        revision: RecipeRevision = recipe.__dict__["named_revision"]
        return format_html(
            '<pre class="whitespace-pre-wrap break-words text-xs">{}</pre>'
            '<div class="mt-2">SHA-256 {}. {} {}</div>',
            json.dumps(revision.steps, indent=2, ensure_ascii=False),
            revision.sha256[:12],
            revision.note,
            "It is the newest one." if revision == newest_revision(recipe) else "",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Recipe | None = None) -> list[str]:
        own = [*self.readonly_fields, "named_revision"]
        return [*own, *(["project"] if obj is not None else [])]

    def get_inlines(self, request: HttpRequest, obj: Recipe | None) -> tuple[Any, ...]:
        return self.inlines if obj is not None else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self._editable(request))

    def has_change_permission(self, request: HttpRequest, obj: Recipe | None = None) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        return self.may(request, obj.project, Permission.EDIT)

    def has_delete_permission(self, request: HttpRequest, obj: Recipe | None = None) -> bool:
        return False  # the button on the page asks the service, which knows what is in use

    def _editable(self, request: HttpRequest) -> list[Project]:
        return [
            project
            for project in visible_projects(request.user)
            if self.may(request, project, Permission.EDIT)
        ]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "project":
            projects = self._editable(request)
            kwargs["queryset"] = Project.objects.filter(pk__in=[one.pk for one in projects])
            kwargs["initial"] = projects[0] if projects else None
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @refusals_as_messages
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def save_model(
        self, request: HttpRequest, obj: Recipe, form: ModelForm[Recipe], change: bool
    ) -> None:
        principal = self.principal(request, obj.project)
        given = form.cleaned_data
        if change:
            services.revise_recipe(
                principal=principal,
                recipe=obj,
                steps=given["steps"],
                note=given["note"],
                based_on=given["based_on"],
            )
            services.update_recipe(
                principal=principal,
                recipe=obj,
                name=given["name"],
                description=given["description"],
            )
            return
        made = services.create_recipe(
            principal=principal,
            name=obj.name,
            description=obj.description,
            steps=given["steps"],
            note=given["note"],
        )
        obj.pk, obj.created_by, obj.created_at = made.pk, made.created_by, made.created_at
        obj._state.adding = False

    @display(description="Revision")
    def revision(self, recipe: Recipe) -> str:
        return f"r{cast('Any', recipe).newest_number}"

    @display(description="Steps")
    def kinds(self, recipe: Recipe) -> str:
        steps = cast("Any", recipe).newest_steps or []
        return " → ".join(step["kind"] for step in steps[:6]) + (" …" if len(steps) > 6 else "")

    @display(description="")
    def kinds_of_steps(self, recipe: Recipe) -> SafeString:
        """List every kind with an example that can be copied."""
        return format_html_join(
            "",
            '<div class="mb-4"><div class="font-semibold">{} <code>{}</code></div>'
            '<div class="max-w-3xl">{}</div><code class="block mt-1 break-all">{}</code></div>',
            (
                (
                    step.title,
                    step.kind,
                    description_of(step),
                    json.dumps({"kind": step.kind, **step.example}, ensure_ascii=False),
                )
                for step in STEP_KINDS.values()
            ),
        )

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

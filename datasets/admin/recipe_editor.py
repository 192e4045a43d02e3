"""The page on which a recipe is written: a card for each step, or JSON, and a look at what it does to data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Project
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import refusals_as_messages
from core.errors import DomainError, FieldError
from datasets import services
from datasets.errors import RecipeRefused
from datasets.models import DatasetVersion, Recipe, RecipeRevision
from datasets.recipe_form import Draft, json_lines
from datasets.recipe_previews import RecipePreview, preview_recipe
from datasets.recipes import STEP_KINDS, Kind, build_steps, kinds_of_types, plan_of
from datasets.recipes.describing import description_of
from datasets.selectors import newest_revision, ready_versions

#: So many of the newest versions are tried, to find the one whose columns are offered first.
_TRIED_VERSIONS = 20
_PREVIEW_ROWS = 10


if TYPE_CHECKING:
    _VersionChoice = forms.ModelChoiceField[DatasetVersion]
else:
    _VersionChoice = forms.ModelChoiceField  # generic in its type stubs only


class VersionField(_VersionChoice):
    """A dataset version, with its project where there are several."""

    names_projects = False

    def label_from_instance(self, obj: DatasetVersion) -> str:
        """Return what the list shows of a version."""
        return f"{obj.dataset.project} / {obj}" if self.names_projects else str(obj)


class RecipeForm(forms.Form):
    """What is said of a recipe besides its steps."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="What this revision changes.",
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)
    dataset_version = VersionField(
        queryset=DatasetVersion.objects.none(),
        required=False,
        empty_label="None",
        widget=UnfoldAdminSelectWidget,
        help_text="Its columns are offered below. The recipe is not bound to it.",
    )
    target = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"list": "target-list"}),
        help_text="The column to be predicted: no step sees it, target encoding learns from it.",
    )

    def complain(self, name: str, text: str) -> None:
        """Show a complaint beside a field, or above all of them."""
        place = name if name in self.fields else "__all__"
        self.errors.setdefault(place, self.error_class()).append(text)


class RecipeEditorMixin:
    """Adds to the admin of recipes: the page to write one, and to write its next revision."""

    opts: Any
    admin_site: Any
    actions_detail: ClassVar[list[str]]

    @refusals_as_messages
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the recipe as it is being written, and do what the pressed button says."""
        page: Any = self
        recipe: Recipe | None = None
        if object_id is None:
            if not page.has_add_permission(request):
                raise PermissionDenied
        else:
            recipe = page._row(request, object_id)
            if recipe is None:
                raise Http404
        may_edit = recipe is None or page.has_change_permission(request, recipe)
        if request.method != "POST":
            revision = newest_revision(recipe) if recipe is not None else None
            draft = Draft.of([] if revision is None else revision.steps)
            form = self._form(request, recipe, revision, draft)
            return self._page(request, recipe, form, draft, may_edit=may_edit)
        if not may_edit:
            raise PermissionDenied
        wish = request.POST.get("do", "save")
        draft = Draft.posted(request.POST)
        form = self._form(request, recipe, None, draft, is_bound=wish == "save")
        preview = None
        if wish == "save":
            saved = self._save(request, recipe, form, draft)
            if saved is not None:
                return saved
        elif wish == "try":
            preview = self._tried(form, draft)
        else:
            draft.change(wish, request.POST.get("new_kind", ""))
        return self._page(request, recipe, form, draft, may_edit=True, preview=preview)

    def _form(
        self,
        request: HttpRequest,
        recipe: Recipe | None,
        revision: RecipeRevision | None,
        draft: Draft,
        *,
        is_bound: bool = False,
    ) -> RecipeForm:
        """Return the form: as it is stored, as it was sent (to be shown again), or bound (to be saved)."""
        projects = [recipe.project] if recipe is not None else _editable(self, request)
        versions = ready_versions(projects).filter(dataset__project__in=projects)
        if request.method == "POST":
            said = {name: request.POST.get(name, "") for name in RecipeForm.base_fields}
        else:
            fitting = _fitting(versions, draft.steps)
            said = {
                "project": str(projects[0].pk) if projects else "",
                "name": "" if recipe is None else recipe.name,
                "description": "" if recipe is None else recipe.description,
                "based_on": "" if revision is None else str(revision.number),
                "dataset_version": request.GET.get("dataset_version")
                or ("" if fitting is None else str(fitting.pk)),
                "target": request.GET.get("target", ""),
            }
        form = RecipeForm(request.POST if is_bound else None, initial=said)
        if recipe is not None:
            del form.fields["project"]
        else:
            cast(
                "forms.ModelChoiceField[Any]", form.fields["project"]
            ).queryset = Project.objects.filter(pk__in=[one.pk for one in projects])
        field = cast("VersionField", form.fields["dataset_version"])
        field.queryset = versions
        field.names_projects = len(projects) > 1
        return form

    def _save(
        self, request: HttpRequest, recipe: Recipe | None, form: RecipeForm, draft: Draft
    ) -> HttpResponse | None:
        """Write the recipe or its next revision; None where something was refused, and said."""
        page: Any = self
        if not form.is_valid() or draft.problems:
            return None
        given = form.cleaned_data
        project = recipe.project if recipe is not None else given["project"]
        words = {name: given[name] for name in ("name", "description")}
        principal = page.principal(request, project)
        try:
            with transaction.atomic():
                if recipe is None:
                    made = services.create_recipe(
                        principal=principal, steps=draft.steps, note=given["note"], **words
                    )
                    page.log_addition(request, made, [{"added": {}}])
                    return cast("HttpResponse", page.response_add(request, made))
                services.revise_recipe(
                    principal=principal,
                    recipe=recipe,
                    steps=draft.steps,
                    note=given["note"],
                    based_on=given["based_on"],
                )
                changed = services.update_recipe(principal=principal, recipe=recipe, **words)
                page.log_change(request, changed, [{"changed": {"fields": ["steps"]}}])
                return cast("HttpResponse", page.response_change(request, changed))
        except RecipeRefused as refusal:
            _take(draft, refusal)
        except DomainError as refusal:
            complaints = [(one.field, one.message) for one in refusal.errors]
            for name, text in complaints or [(refusal.field or "", refusal.message)]:
                form.complain("" if name == "based_on" else name, text)
        return None

    def _tried(self, form: RecipeForm, draft: Draft) -> RecipePreview | None:
        """Return what the draft does to the first rows of the chosen version."""
        version = _chosen(form)
        if version is None:
            form.complain("dataset_version", "Choose the data to try the steps on.")
            return None
        if draft.problems:
            return None
        try:
            preview = preview_recipe(
                version, draft.steps, target=form.initial["target"], rows=_PREVIEW_ROWS
            )
        except RecipeRefused as refusal:
            _take(draft, refusal)
            return None
        except DomainError as refusal:
            form.complain(refusal.field or "", refusal.message)
            return None
        draft.problems += [error for step in preview.steps for error in step.errors]
        return preview

    def _page(
        self,
        request: HttpRequest,
        recipe: Recipe | None,
        form: RecipeForm,
        draft: Draft,
        *,
        may_edit: bool,
        preview: RecipePreview | None = None,
    ) -> HttpResponse:
        page: Any = self
        version = _chosen(form)
        kinds = {} if version is None else kinds_of_version(version, form["target"].value() or "")
        actions = []
        if recipe is not None:
            actions = page._get_actions_navigation(
                self.actions_detail, page.get_actions_detail(request, str(recipe.pk)), recipe.pk
            )
        return TemplateResponse(
            request,
            "admin/datasets/recipe_form.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": recipe,
                "title": "Add recipe" if recipe is None else recipe.name,
                "actions_detail": actions,
                "show_history": recipe is not None,
                "form": form,
                "draft": draft,
                "step_forms": draft.forms(kinds) if draft.text is None else [],
                "kinds": list(STEP_KINDS.values()),
                "examples": _examples() if draft.text is not None else [],
                "columns": list(kinds),
                "may_edit": may_edit,
                "preview": preview,
                "named": _named_revision(request, recipe),
                "revisions": [] if recipe is None else _history(recipe),
                "back": reverse("admin:datasets_recipe_changelist"),
            },
        )


def kinds_of_version(version: DatasetVersion, target: str = "") -> dict[str, Kind]:
    """Return the columns of a version as a recipe sees them, without the target."""
    types = {one["name"]: one["type"] for one in version.schema["columns"]}
    types.pop(target, None)
    return kinds_of_types(types)


def _take(draft: Draft, refusal: RecipeRefused) -> None:
    draft.problems += refusal.errors or [FieldError("steps", refusal.message)]


def _editable(page: Any, request: HttpRequest) -> list[Project]:
    projects = visible_projects(cast("User", request.user))
    return [project for project in projects if page.may(request, project, Permission.EDIT)]


def _chosen(form: RecipeForm) -> DatasetVersion | None:
    """Return the version that the form names, whether it is bound or not."""
    field = cast("VersionField", form.fields["dataset_version"])
    try:
        return field.to_python(form["dataset_version"].value())
    except forms.ValidationError:
        return None


def _fitting(versions: QuerySet[DatasetVersion], steps: Sequence[Any]) -> DatasetVersion | None:
    """Return the newest version that has the columns which the steps ask for."""
    for version in versions[:_TRIED_VERSIONS]:
        try:
            plan_of(build_steps(steps) if steps else [], kinds_of_version(version))
        except RecipeRefused:
            continue
        return version
    return None


def _named_revision(request: HttpRequest, recipe: Recipe | None) -> dict[str, Any] | None:
    """Return the revision that the address names, e.g. the one that a run was trained with."""
    number = request.GET.get("revision", "")
    if recipe is None or not (number.isascii() and number.isdigit() and len(number) < 9):
        return None
    found = recipe.revisions.filter(number=int(number)).first()
    if found is None:
        return None
    return {
        "revision": found,
        "steps": json_lines(found.steps),
        "is_newest": found == newest_revision(recipe),
    }


def _history(recipe: Recipe) -> list[tuple[RecipeRevision, str]]:
    """Return what a recipe said before, the newest first, each with its steps in short."""
    revisions = recipe.revisions.select_related("created_by").order_by("-number")
    return [(one, " → ".join(step["kind"] for step in one.steps)) for one in revisions]


def _examples() -> list[tuple[str, str, str]]:
    """Return title, description and an example of every kind, to be copied into the JSON."""
    return [
        (
            step.title,
            description_of(step),
            json.dumps({"kind": step.kind, **step.example}, ensure_ascii=False),
        )
        for step in STEP_KINDS.values()
    ]

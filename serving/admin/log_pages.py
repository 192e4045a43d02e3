"""The prediction log in the admin: search it, look at one prediction."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import orjson
from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Project
from accounts.selectors import visible_projects
from core.errors import DomainError, NotFound
from serving.explained_prediction import explain_logged
from serving.models import Endpoint
from serving.selectors.answerers import answerer_of
from serving.selectors.prediction_details import prediction_detail
from serving.selectors.search import Found, Search, search_log

_ROWS = 50


class LogSearchForm(forms.Form):
    """What is looked for; every field may stay empty."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), required=False, widget=UnfoldAdminSelectWidget
    )
    endpoint = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)
    status = forms.ChoiceField(
        required=False,
        choices=[("", "answered"), ("failed", "failed")],
        widget=UnfoldAdminSelectWidget,
    )
    start = forms.DateTimeField(
        required=False, label="From (UTC)", widget=UnfoldAdminTextInputWidget
    )
    end = forms.DateTimeField(
        required=False, label="Before (UTC)", widget=UnfoldAdminTextInputWidget
    )
    version = forms.IntegerField(
        required=False, label="Model version (id)", widget=UnfoldAdminTextInputWidget
    )
    request_id = forms.CharField(
        required=False, label="Request id", max_length=64, widget=UnfoldAdminTextInputWidget
    )
    entity_key = forms.CharField(
        required=False, label="Entity key", max_length=200, widget=UnfoldAdminTextInputWidget
    )
    prediction_id = forms.UUIDField(
        required=False, label="Prediction id", widget=UnfoldAdminTextInputWidget
    )
    before = forms.CharField(required=False, max_length=150, widget=forms.HiddenInput)


class LogPagesMixin:
    """The search page, and a prediction's own."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[Any]:
        """Add the addresses of both pages."""
        view = self.admin_site.admin_view
        return [
            path("predictions/", view(self.log_search), name="serving_endpoint_predictions"),
            path(
                "predictions/<int:project_id>/<uuid:prediction_id>/",
                view(self.log_prediction),
                name="serving_endpoint_prediction",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def log_search(self, request: HttpRequest) -> HttpResponse:
        """Show a page of the log."""
        projects = visible_projects(cast("User", request.user)).order_by("name")
        data = request.GET.copy()
        first = projects.first()
        if not data.get("project") and first is not None:
            data["project"] = str(first.pk)
        form = LogSearchForm(data)
        cast("forms.ModelChoiceField[Project]", form.fields["project"]).queryset = projects
        context: dict[str, Any] = {"form": form, "title": "Predictions"}
        if form.is_valid() and form.cleaned_data["project"] is not None:
            try:
                context |= self._found(form.cleaned_data)
            except DomainError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.message
                )
            else:
                onward = request.GET.copy()
                onward["before"] = context["next"]
                context["onward"] = onward.urlencode()
        return self._page(request, "admin/serving/predictions.html", context)

    def _found(self, wanted: dict[str, Any]) -> dict[str, Any]:
        project: Project = wanted["project"]
        if wanted["prediction_id"] is not None:
            one = prediction_detail(project.pk, wanted["prediction_id"])
            found = Found([one], "")
        else:
            found = search_log(project_id=project.pk, search=_search(project, wanted), limit=_ROWS)
        names = dict(Endpoint.objects.filter(project=project).values_list("pk", "name"))
        rows = [
            {
                **row,
                "endpoint": names.get(row["endpoint_id"], row["endpoint_id"]),
                "said": _short(row.get("prediction")),
                "sent": _short(row.get("features")),
                "milliseconds": row.get("latency_us", 0) / 1000,
                "address": reverse(
                    "admin:serving_endpoint_prediction", args=[project.pk, row["prediction_id"]]
                )
                if "prediction_id" in row
                else "",
            }
            for row in found.rows
        ]
        return {"rows": rows, "next": found.next, "failed": wanted["status"] == "failed"}

    def log_prediction(
        self, request: HttpRequest, project_id: int, prediction_id: UUID
    ) -> HttpResponse:
        """Show one prediction: what was sent, what was said, what really happened, where it comes from."""
        project = get_object_or_404(visible_projects(cast("User", request.user)), pk=project_id)
        try:
            one = prediction_detail(project.pk, prediction_id)
        except NotFound as refusal:
            raise Http404 from refusal
        answerer = answerer_of(
            project_id=project.pk,
            endpoint_id=one["endpoint_id"],
            deployment_id=one["deployment_id"],
            model_version_id=one["model_version_id"],
        )
        explanation, no_explanation = None, ""
        if answerer is not None and "explain" in request.GET:
            try:
                explanation = explain_logged(answerer.version, one["features"])
            except DomainError as refusal:
                no_explanation = refusal.message
        classes = answerer.version.signature.get("classes") if answerer else None
        context = {
            "title": f"Prediction {prediction_id}",
            "one": one,
            "answerer": answerer,
            "explanation": explanation,
            "no_explanation": no_explanation,
            "features": [(name, _short(value)) for name, value in one["features"].items()],
            "said": _short(one["prediction"]),
            "decided": None if one["threshold"] is None else _short(one["decision"]),
            "truth": None if one["ground_truth"] is None else _short(one["ground_truth"]),
            "shares": [
                (name, round(100 * share, 2))
                for name, share in zip(classes or (), one["probabilities"] or (), strict=False)
            ],
        }
        return self._page(request, "admin/serving/prediction.html", context)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        common = self.admin_site.each_context(request)
        return TemplateResponse(
            request,
            template,
            {
                **common,
                "opts": self.opts,
                "back": reverse("admin:serving_endpoint_predictions"),
                **context,
            },
        )


def _search(project: Project, wanted: dict[str, Any]) -> Search:
    endpoint = None
    if wanted["endpoint"]:
        endpoint = Endpoint.objects.filter(project=project, name=wanted["endpoint"]).first()
        if endpoint is None:
            raise NotFound("There is no such endpoint.", field="endpoint")
    return Search(
        failed=wanted["status"] == "failed",
        endpoint_id=None if endpoint is None else endpoint.pk,
        start=wanted["start"],
        end=wanted["end"],
        model_version_id=wanted["version"],
        request_id=wanted["request_id"],
        entity_key=wanted["entity_key"],
        before=wanted["before"],
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= 200 else f"{text[:199]}…"

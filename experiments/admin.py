"""Experiments and runs in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from experiments import selectors
from experiments.charts import render_plots
from experiments.metric_lines import metric_lines
from experiments.models import Experiment, Run


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Groups of runs."""

    list_display = ("name", "project", "run_count", "created_at")
    list_filter = ("project",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        queryset: QuerySet[Experiment] = super().get_queryset(request)
        return queryset.annotate(number_of_runs=Count("runs"))

    @display(description="Runs", ordering="number_of_runs")
    def run_count(self, experiment: Experiment) -> int:
        return int(experiment.number_of_runs)  # type: ignore[attr-defined]


@admin.register(Run)
class RunAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Runs: parameters, metrics and pictures."""

    project_lookup = "experiment__project"
    list_display = ("label", "state", "experiment", "dataset_version", "started_at", "ended_at")
    list_filter = ("status", "experiment")
    search_fields = ("name", "run_id")
    list_select_related = ("experiment", "dataset_version__dataset")
    fieldsets = (
        (
            None,
            {"fields": ("label", "state", "experiment", "dataset_version", "job", "created_by")},
        ),
        ("Metrics", {"fields": ("metric_table",)}),
        ("Pictures", {"fields": ("pictures",)}),
        ("Parameters", {"fields": ("param_table",)}),
        ("Particulars", {"fields": ("run_id", "files", "created_at", "started_at", "ended_at")}),
    )

    @display(description="Run")
    def label(self, run: Run) -> str:
        return str(run)

    @display(description="Status")
    def state(self, run: Run) -> SafeString:
        return badge(run.status)

    @display(description="Metrics")
    def metric_table(self, run: Run) -> SafeString:
        lines = metric_lines(selectors.latest_metrics(run))
        body = format_html_join(
            "",
            '<tr><td class="pr-8 py-0.5">{}</td><td class="pr-8 py-0.5 text-right font-mono">{}</td>'
            '<td class="py-0.5 text-right font-mono">{}</td></tr>',
            ((line.name, line.value, line.cross_validated) for line in lines),
        )
        if not body:
            return SafeString("—")
        return format_html(
            '<table class="text-sm"><tr><th class="pr-8 text-left font-medium">Metric</th>'
            '<th class="pr-8 text-right font-medium">Held out</th>'
            '<th class="text-right font-medium">Cross-validated (mean ± sd)</th></tr>{}</table>',
            body,
        )

    @display(description="Parameters")
    def param_table(self, run: Run) -> SafeString:
        return _table(run.params.values_list("key", "value"))

    @display(description="Pictures")
    def pictures(self, run: Run) -> SafeString:
        return render_plots(selectors.plots(run))

    @display(description="Files")
    def files(self, run: Run) -> SafeString:
        return _table((one.path, f"{one.size_bytes:,} bytes") for one in run.artifacts.all())


def _table(rows: object) -> SafeString:
    body = format_html_join(
        "",
        '<tr><td class="pr-6 py-0.5 align-top">{}</td><td class="py-0.5 font-mono break-all">{}'
        "</td></tr>",
        rows,  # type: ignore[arg-type]
    )
    return format_html('<table class="text-sm">{}</table>', body) if body else SafeString("—")

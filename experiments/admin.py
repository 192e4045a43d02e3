"""Experiments and runs in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_access import ProjectAdminMixin
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from experiments import selectors
from experiments.charts import render_plots
from experiments.models import Experiment, Run


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Groups of runs."""

    list_display = ("name", "project", "run_count", "created_at")
    list_filter = ("project",)
    search_fields = ("name",)

    @display(description="Runs")
    def run_count(self, experiment: Experiment) -> int:
        return experiment.runs.count()


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
        return _table(
            (key, "—" if value is None else f"{value:.5g}")
            for key, value in selectors.latest_metrics(run).items()
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

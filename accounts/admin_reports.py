"""Pages of rows on which a readable report stands beside the particulars."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from accounts.admin_asking import AskingAdminMixin


class ReportPageMixin(AskingAdminMixin):
    """Gives the template of a row's page what a person reads first."""

    def report_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the template of the report takes."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the report and the particulars; a row that nobody may see has neither."""
        row = self._row(request, object_id)
        context = dict(extra_context or {})
        if row is not None:
            context |= self.report_context(request, row)
        page = super().change_view(request, object_id, form_url, context)  # type: ignore[misc]
        return cast("HttpResponse", page)

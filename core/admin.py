"""What the admin pages of all rooms share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from django.contrib import messages
from django.db.models import JSONField, Model, TextField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from core.errors import DomainError

P = ParamSpec("P")
A = TypeVar("A")

#: Colours of the badges, by what a state means.
_TONES = {
    "good": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "bad": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "busy": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "warn": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "calm": "bg-base-100 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}
_STATE_TONES = {
    **dict.fromkeys(
        [
            "succeeded",
            "ready",
            "finished",
            "passed",
            "live",
            "no_drift",
            "promoted",
            "approved",
            "resolved",
            "champion",
        ],
        "good",
    ),
    **dict.fromkeys(
        ["failed", "timed_out", "quarantined", "drift", "open", "rejected", "killed"], "bad"
    ),
    **dict.fromkeys(
        ["running", "building", "queued", "pending", "scheduled", "canary", "shadow"], "busy"
    ),
    **dict.fromkeys(
        [
            "cancelled",
            "stopped",
            "waived",
            "incomplete",
            "acknowledged",
            "inconclusive",
            "fallback",
            "constant",
            "expired",
            "approval_needed",
        ],
        "warn",
    ),
}


class ModelAdmin(UnfoldModelAdmin):  # type: ignore[misc]  # Unfold carries no types
    """The base of every admin class: Unfold's look, full width, filters that need no submit, text that grows."""

    list_fullwidth = True
    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True
    list_filter_sheet = False
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        kind: {"widget": UnfoldAdminExpandableTextareaWidget} for kind in (TextField, JSONField)
    }


class ReadOnlyAdminMixin:
    """Rows that are looked at, and changed through actions only."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def badge(state: str, label: str | None = None) -> SafeString:
    """Return a state as a coloured badge; the colour says whether it is good news."""
    tone = _TONES[_STATE_TONES.get(state, "calm")]
    text = label or state.replace("_", " ")
    return format_html(
        '<span class="inline-block rounded-default px-2 py-0.5 text-xs font-semibold '
        'whitespace-nowrap {}">{}</span>',
        tone,
        text,
    )


def progress_bar(fraction: float, label: str = "") -> SafeString:
    """Return a fraction (0 to 1) as a bar with its percentage."""
    percent = round(100 * min(1.0, max(0.0, fraction)))
    return format_html(
        '<span class="flex items-center gap-2"><span class="block h-2 w-24 rounded-default '
        'bg-base-200 dark:bg-base-700"><span class="block h-2 rounded-default bg-primary-600" '
        'style="width:{}%"></span></span><span class="text-xs whitespace-nowrap">{}% {}</span></span>',
        percent,
        percent,
        label,
    )


def _way_back(page: Any, request: HttpRequest) -> str:
    """Return where a refused action came from: never the action's own address, which would try again."""
    came_from = urlsplit(request.META.get("HTTP_REFERER", ""))
    if came_from.netloc == request.get_host() and came_from.path != request.path:
        return str(came_from._replace(scheme="", netloc="").geturl())
    if request.path.endswith(("/change/", "/add/")):
        return request.path
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def refusals_as_messages(
    method: Callable[Concatenate[A, HttpRequest, P], HttpResponse | None],
) -> Callable[Concatenate[A, HttpRequest, P], HttpResponse | None]:
    """Show a refusal of a service as an error message instead of failing the page."""

    @functools.wraps(method)
    def wrapped(
        self: A, request: HttpRequest, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse | None:
        try:
            return method(self, request, *args, **kwargs)
        except DomainError as error:
            complaints = "; ".join(
                f"{item.field}: {item.message}"
                for item in error.errors
                if item.message != error.message
            )
            messages.error(request, f"{error.message} {complaints}".strip())
            return redirect(_way_back(self, request))

    return wrapped  # type: ignore[return-value]  # wraps keeps the signature

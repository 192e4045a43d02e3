"""Refusals of a service, shown by the form that asked it."""

from __future__ import annotations

from collections.abc import Callable

from django import forms

from core.errors import DomainError, FieldError


def _as_named(error: FieldError) -> tuple[str, str]:
    return error.field, error.message


def show_refusal(
    form: forms.Form,
    refusal: DomainError,
    complaint: Callable[[FieldError], tuple[str, str]] = _as_named,
) -> None:
    """Show each complaint beside the field that is to blame, or above all of them.

    Parameters
    ----------
    complaint
        Says which field of the form shows a complaint, and in which words; as the service named it, when absent.
    """
    found = [complaint(error) for error in refusal.errors]
    for field, text in found or [("", refusal.message)]:
        form.add_error(field if field in form.fields else None, text)

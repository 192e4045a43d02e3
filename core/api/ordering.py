"""Ordering by offered fields only."""

from __future__ import annotations

from rest_framework.filters import OrderingFilter


class ChosenOrderingFilter(OrderingFilter):
    """Order by a view's ``ordering_fields``; a view that names none offers none."""

    def get_default_valid_fields(self, queryset, view, context=None):  # type: ignore[no-untyped-def]
        """Return nothing: a field is offered only where the view names it."""
        return []

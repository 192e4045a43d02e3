"""Looking at rows: filters, orders and SQL, made safe before an engine sees them.

Pure: no Django. Values and names from outside are checked against a schema; values travel as
parameters, names as quoted identifiers.
"""

from datasets.querying.filters import Filter, Operator, parse_filters
from datasets.querying.ordering import OrderKey, parse_order
from datasets.querying.selection import RowQuery, parse_columns

__all__ = [
    "Filter",
    "Operator",
    "OrderKey",
    "RowQuery",
    "parse_columns",
    "parse_filters",
    "parse_order",
]

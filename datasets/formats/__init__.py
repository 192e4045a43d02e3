"""Reading files of any supported format, in batches of bounded size; refused, or put aside, with reasons.

What may be chosen and what is bounded is here; files are opened by ``detection`` and held to a schema by
``allowed_rows``, which load what parses them.
"""

from datasets.formats.bad_rows import BadRow, Quarantine
from datasets.formats.limits import Limits
from datasets.formats.options import ON_BAD_ROWS, PUT_ASIDE, REFUSE, USUAL_BAD_SHARE, ReadOptions

__all__ = [
    "ON_BAD_ROWS",
    "PUT_ASIDE",
    "REFUSE",
    "USUAL_BAD_SHARE",
    "BadRow",
    "Limits",
    "Quarantine",
    "ReadOptions",
]

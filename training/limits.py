"""Bounds on what can be learnt."""

from __future__ import annotations

#: Fewer labelled rows than this are not worth a model.
FEWEST_ROWS = 20
#: More classes than this are taken for an identifier or a number.
MOST_CLASSES = 100

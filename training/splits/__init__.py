"""Splitting rows into parts to learn from and parts to test on."""

from __future__ import annotations

from training.splits.splitting import Split, folds_of, split_rows

__all__ = ["Split", "folds_of", "split_rows"]

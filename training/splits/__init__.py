"""Splitting rows into parts to learn from and parts to test on."""

from __future__ import annotations

from training.splits.deciding import Splitter
from training.splits.policy import POLICIES, SplitPolicy
from training.splits.splitting import Split, folds_of, split_rows

__all__ = ["POLICIES", "Split", "SplitPolicy", "Splitter", "folds_of", "split_rows"]

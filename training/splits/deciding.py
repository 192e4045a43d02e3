"""Splitting by a policy, and saying what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from datasets.recipes import Folding
from training.errors import SplitRefused
from training.splits.grouped import folds_by_group, group_codes, split_by_group
from training.splits.policy import SplitPolicy
from training.splits.splitting import Rows, Split, folds_of, split_rows
from training.splits.timed import folds_by_time, moments_of, split_by_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Splitter:
    """A policy over the rows of one training, with what it splits by.

    Attributes
    ----------
    policy
        None stands for a split by class where the classes are large enough, and a random one else.
    keys
        The groups (as numbers) or the moments (in microseconds since 1970) of the rows.
    """

    policy: SplitPolicy | None
    target: npt.NDArray[np.object_]
    by_class: bool
    keys: npt.NDArray[Any] | None = None

    @classmethod
    def of(
        cls,
        policy: SplitPolicy | None,
        target: npt.NDArray[np.object_],
        *,
        by_class: bool,
        column: pd.Series[Any] | None = None,
    ) -> Splitter:
        """Return the splitter of these rows.

        Raises
        ------
        SplitRefused
            The column does not hold what the policy needs.
        """
        keys: npt.NDArray[Any] | None = None
        if policy is not None and policy.policy == "time":
            assert column is not None
            keys = moments_of(column)
        elif policy is not None and policy.policy == "group":
            assert column is not None
            keys = group_codes(column)
        return cls(policy, target, by_class, keys)

    def split(self, *, test_fraction: float, seed: int) -> Split:
        """Return the rows to learn from and those to test on.

        Raises
        ------
        SplitRefused
            The rows cannot be split that way.
        """
        policy = self.policy
        if policy is None:
            return split_rows(
                self.target, test_fraction=test_fraction, seed=seed, by_class=self.by_class
            )
        if policy.policy == "time":
            assert self.keys is not None
            split = split_by_time(
                self.keys, test_fraction=test_fraction, gap_hours=policy.gap_hours
            )
        elif policy.policy == "group":
            assert self.keys is not None
            split = split_by_group(self.keys, test_fraction=test_fraction, seed=seed)
        else:
            split = self._drawn(policy, test_fraction, seed)
        if self.by_class:
            self._check_classes(split)
        return split

    def _drawn(self, policy: SplitPolicy, test_fraction: float, seed: int) -> Split:
        stratified = policy.policy == "stratified"
        if stratified and not self.by_class:
            raise SplitRefused("Numbers have no classes to keep in shares.", field="split.policy")
        split = split_rows(self.target, test_fraction=test_fraction, seed=seed, by_class=stratified)
        if stratified and not split.is_stratified:
            names, sizes = np.unique(self.target.astype(str), return_counts=True)
            small = int(sizes.argmin())
            raise SplitRefused(
                f"The class '{names[small]}' has {sizes[small]} row(s): too few to be on both sides.",
                field="split.policy",
            )
        return split

    def _check_classes(self, split: Split) -> None:
        learnt = set(self.target[split.train].tolist())
        unknown = sorted(str(one) for one in set(self.target[split.test].tolist()) - learnt)
        if unknown:
            raise SplitRefused(
                f"The class '{unknown[0]}' would be tested but never learnt: all its rows are on the "
                "tested side.",
                field="split.policy",
            )

    def folds(self, rows: Rows, *, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield (train, test) of a cross-validation of some rows, as positions in ``rows``."""
        target = self.target[rows]
        policy = self.policy.policy if self.policy is not None else "stratified"
        if policy == "time":
            assert self.policy is not None
            assert self.keys is not None
            yield from folds_by_time(self.keys[rows], folds=folds, gap_hours=self.policy.gap_hours)
        elif policy == "group":
            assert self.keys is not None
            yield from folds_by_group(
                self.keys[rows], target, folds=folds, seed=seed, by_class=self.by_class
            )
        else:
            by_class = self.by_class and policy == "stratified"
            yield from folds_of(target, folds=folds, seed=seed, by_class=by_class)

    def folding_of(self, rows: Rows) -> Folding | None:
        """Return how training rows are cut once more, for targets that are encoded crosswise.

        As the policy parts them; None where they are drawn at random. Rows are positions in ``rows``.
        """
        if self.policy is None or self.keys is None:
            return None
        keys, target, gap = self.keys[rows], self.target[rows], self.policy.gap_hours

        def cut(*, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
            if self.policy is not None and self.policy.policy == "time":
                return folds_by_time(keys, folds=folds, gap_hours=gap)
            return folds_by_group(keys, target, folds=folds, seed=seed, by_class=False)

        return cut

    def report(self, split: Split, *, seed: int, test_fraction: float) -> dict[str, Any]:
        """Return what came of the split, as JSON-compatible values.

        The digests are over the numbers of the rows that have a target, counted from 0 in the order of the
        dataset version: the same split can be shown to be the same.
        """
        policy = self.policy or SplitPolicy("stratified" if split.is_stratified else "random")
        found: dict[str, Any] = {
            **policy.to_dict(),
            "seed": seed,
            "test_fraction": test_fraction,
            "rows": len(self.target),
            "train_rows": len(split.train),
            "test_rows": len(split.test),
            "left_out_rows": len(self.target) - len(split.train) - len(split.test),
            "train_sha256": split.train_digest,
            "test_sha256": split.digest,
        }
        if policy.policy == "time" and self.keys is not None:
            for side, rows in (("train", split.train), ("test", split.test)):
                found[f"{side}_from"] = _moment(int(self.keys[rows].min()))
                found[f"{side}_to"] = _moment(int(self.keys[rows].max()))
            found["boundary"] = found["test_from"]
        if policy.policy == "group" and self.keys is not None:
            for side, rows in (("train", split.train), ("test", split.test)):
                found[f"{side}_groups"] = len(np.unique(self.keys[rows]))
        return found


def _moment(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()

"""Forests and boosted trees: exact contributions from the paths of the trees."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from models_registry.explanations.base import CannotExplain, FloatArray
from models_registry.explanations.forests import Nodes, Prepared
from models_registry.explanations.owners import owners_of_inputs, owners_of_prepared
from models_registry.runtimes import CannotRun
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.recipes import Parts
from models_registry.signatures import Columns, Signature

#: Starting points (trees times reference rows) that are followed at once; bounds the memory.
_AT_ONCE = 2048
#: Leaves that are added up at once.
_LEAVES_AT_ONCE = 16_384
#: Deeper trees are not walked; no path meets more inputs than it has splits.
_DEEPEST = 100

Ints = npt.NDArray[np.intp]
Bits = npt.NDArray[np.uint64]


class TreeExplainer:
    """Interventional TreeSHAP, with the inputs (not the encoded columns) as the players.

    For a row x and a reference row r each tree is walked once, on all paths that mixtures of the two can take. At
    a split on which they part, a mixture goes with x if it has the input of x and with r otherwise; so a leaf
    belongs to the mixtures that have all inputs of a set A from x and none of a set B. In the game that pays a
    leaf's value v to exactly those, the Shapley value is, with a and b inputs in A and B,

        v · (a - 1)! · b! / (a + b)!    for an input in A,
      - v · a! · (b - 1)! / (a + b)!    for an input in B,

    and 0 for any other. Contributions are sums over leaves and trees, and means over reference rows. (Lundberg et
    al., 2020, "From local explanations to global understanding with explainable AI for trees", Nature Machine
    Intelligence 2; Laberge and Pequignot, 2022, "Understanding interventional TreeSHAP", arXiv 2209.15123, also
    for columns that belong together.)

    Exact. What is divided is the probability of a forest, and the margin (classes) or value of boosted trees.
    """

    method = "trees"
    is_exact = True
    evaluations_per_row = 0

    def __init__(self, pipeline: Pipeline, signature: Signature, reference: Columns) -> None:
        parts = Parts.of(pipeline, signature)
        self._nodes = Nodes.of(pipeline[-1], is_classifier=signature.classes is not None)
        if self._nodes.depth > _DEEPEST:
            raise CannotExplain(f"its trees are too deep: {self._nodes.depth} splits")
        try:
            self._preparation = Preparation.of(parts.pipeline[0], parts.signature)
        except CannotRun as error:
            raise CannotExplain(str(error)) from error
        self._recipe = parts.recipe
        owners = owners_of_inputs(pipeline, signature, parts)
        of_column = owners_of_prepared(self._preparation, parts.signature, owners)
        self._player = of_column[self._nodes.column]
        self._inputs = len(signature.inputs)
        self.quantity = self._nodes.quantity
        self._reference = self._prepared(reference)
        self.reference_rows = reference.row_count
        self.baseline: FloatArray = self._nodes.output(self._reference).mean(axis=0)

    def _prepared(self, columns: Columns) -> Prepared:
        given = columns if self._recipe is None else self._recipe.apply(columns)
        return self._preparation.apply(given)

    def contributions(self, columns: Columns) -> FloatArray:
        """Return the contributions for n rows, shape (n, inputs, outputs)."""
        prepared = self._prepared(columns)
        shape = (len(prepared), self._inputs, len(self.baseline))
        return np.array([self._of_row(row)[0] for row in prepared]).reshape(shape)

    def steps(self, columns: Columns) -> int:
        """Return how many nodes are met to explain these rows: what the time is spent on."""
        return sum(self._of_row(row)[1] for row in self._prepared(columns))

    def _of_row(self, row: Prepared) -> tuple[FloatArray, int]:
        """Return the contributions to one row (inputs, outputs), and the number of nodes met."""
        found = np.zeros((self._inputs, len(self.baseline)))
        x_left = self._nodes.goes_left(np.arange(len(self._player)), row[self._nodes.column])
        trees = len(self._nodes.roots)
        starts = np.tile(self._nodes.roots, self.reference_rows)
        references = np.repeat(np.arange(self.reference_rows), trees)
        steps = 0
        for begin in range(0, len(starts), _AT_ONCE):
            chosen = slice(begin, begin + _AT_ONCE)
            steps += self._walk(starts[chosen], references[chosen], x_left, found)
        return found / max(1, self.reference_rows), steps

    def _walk(
        self,
        nodes: Ints,
        references: Ints,
        x_left: npt.NDArray[np.bool_],
        found: FloatArray,
    ) -> int:
        """Follow all paths from these nodes, adding up what their leaves give; return the number of nodes met.

        Sets of inputs are bits: of the x and of the r side, shape (paths, words of 64 inputs).
        """
        tree = self._nodes
        words = -(-self._inputs // 64)
        from_x = np.zeros((len(nodes), words), dtype=np.uint64)
        from_r = np.zeros((len(nodes), words), dtype=np.uint64)
        steps = 0
        while len(nodes):
            steps += len(nodes)
            ends = tree.is_leaf[nodes]
            if ends.any():
                self._add_leaves(nodes[ends], from_x[ends], from_r[ends], found)
                goes_on = ~ends
                nodes, references = nodes[goes_on], references[goes_on]
                from_x, from_r = from_x[goes_on], from_r[goes_on]
                if not len(nodes):
                    break
            player = self._player[nodes]
            paths, word = np.arange(len(nodes)), player // 64
            bit = np.left_shift(np.uint64(1), (player % 64).astype(np.uint64))
            is_x = (from_x[paths, word] & bit) != 0
            is_r = (from_r[paths, word] & bit) != 0
            with_x = x_left[nodes]
            values = self._reference[references, tree.column[nodes]]
            with_r = tree.goes_left(nodes, values)
            parts = np.flatnonzero((with_x != with_r) & ~is_x & ~is_r)
            left, right = tree.left[nodes], tree.right[nodes]
            child = np.where(np.where(is_r, with_r, with_x), left, right)
            if len(parts):
                other = np.where(with_r[parts], left[parts], right[parts])
                other_x, other_r = from_x[parts], from_r[parts]
                at = np.arange(len(parts))
                other_r[at, word[parts]] |= bit[parts]
                from_x[parts, word[parts]] |= bit[parts]
                child = np.concatenate([child, other])
                references = np.concatenate([references, references[parts]])
                from_x = np.concatenate([from_x, other_x])
                from_r = np.concatenate([from_r, other_r])
            nodes = child
        return steps

    def _add_leaves(self, leaves: Ints, from_x: Bits, from_r: Bits, found: FloatArray) -> None:
        for start in range(0, len(leaves), _LEAVES_AT_ONCE):
            part = slice(start, start + _LEAVES_AT_ONCE)
            a = np.bitwise_count(from_x[part]).sum(axis=1)
            b = np.bitwise_count(from_r[part]).sum(axis=1)
            values = self._nodes.values[leaves[part]]
            found += self._bits(from_x[part]).T @ (values * _SHARES[a, b][:, None])
            found -= self._bits(from_r[part]).T @ (values * _SHARES[b, a][:, None])

    def _bits(self, sets: Bits) -> FloatArray:
        """Return sets of inputs as 0 and 1, shape (paths, inputs)."""
        as_bytes = sets.astype("<u8").view(np.uint8)
        bits = np.unpackbits(as_bytes, axis=1, bitorder="little", count=self._inputs)
        return bits.astype(np.float64)


def _shares() -> FloatArray:
    """Return (a - 1)! · b! / (a + b)! for a and b up to the longest path; 0 where a is 0."""
    size = _DEEPEST + 1
    shares = np.zeros((size, size))
    for a in range(1, size):
        for b in range(size - a):
            shares[a, b] = factorial(a - 1) * factorial(b) / factorial(a + b)
    return shares


_SHARES = _shares()

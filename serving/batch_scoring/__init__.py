"""Scoring many rows at once: Arrow in, Arrow out, no row ever a Python object of its own.

``answers`` puts what it gave beside the columns that are kept,
``shards`` keeps what is done so far on disk, so that a second attempt goes on where the first one ended.
"""

from serving.batch_scoring.answers import AnswerTable
from serving.batch_scoring.shards import SHARD_ROWS, Shard, ShardFolder

__all__ = [
    "SHARD_ROWS",
    "AnswerTable",
    "Shard",
    "ShardFolder",
]

"""Deciding which versions of a dataset stay, as plain values."""

from datasets.retention.planning import Candidate, Fate, PlannedVersion, Terms, plan

__all__ = ["Candidate", "Fate", "PlannedVersion", "Terms", "plan"]

"""Reads of the serving room: :mod:`.deployments` in the database, :mod:`.predictions` in the lake."""

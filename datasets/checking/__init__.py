"""Checks of a version's rows: what can be asked, how it is measured, and what it comes to."""

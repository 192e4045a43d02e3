"""Up to where the profile of a version is exact whatever its length: for those who measure, and those who show."""

EXACT_DISTINCT = 65_536
"""So many different values of a column are counted; the number of more is estimated."""
EXACT_COUNTS = 4_096
"""So many different texts of a column are counted one by one; how often more of them occur is estimated."""

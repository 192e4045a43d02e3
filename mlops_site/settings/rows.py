"""Looking at rows: filters, SQL, comparisons, downloads."""

from __future__ import annotations

from mlops_site.settings.environment import env
from mlops_site.settings.processes import WEB_THREADS

#: Memory and time for filtering and sorting the rows of a version within the web process.
ROWS_MEMORY_BYTES = env.int("ROWS_MEMORY_BYTES", default=256 * 1024**2)
ROWS_SPILL_BYTES = env.int("ROWS_SPILL_BYTES", default=4 * 1024**3)
ROWS_SECONDS = env.float("ROWS_SECONDS", default=20.0)
#: Statements run in a process of their own; each web process runs so many at once and answers 503 to more.
SQL_AT_ONCE = env.int("SQL_AT_ONCE", default=max(1, WEB_THREADS // 2))
SQL_SECONDS = env.float("SQL_SECONDS", default=20.0)
SQL_MEMORY_BYTES = env.int("SQL_MEMORY_BYTES", default=1024**3)
SQL_SPILL_BYTES = env.int("SQL_SPILL_BYTES", default=2 * 1024**3)
SQL_THREADS = env.int("SQL_THREADS", default=2)
SQL_MAX_ROWS = env.int("SQL_MAX_ROWS", default=10_000)
SQL_RESULT_BYTES = env.int("SQL_RESULT_BYTES", default=32 * 1024**2)
#: Memory and disk of the job that compares two versions.
COMPARE_MEMORY_BYTES = env.int("COMPARE_MEMORY_BYTES", default=1024**3)
COMPARE_SPILL_BYTES = env.int("COMPARE_SPILL_BYTES", default=32 * 1024**3)
DOWNLOADS_AT_ONCE = env.int("DOWNLOADS_AT_ONCE", default=max(1, WEB_THREADS // 2))

"""Check every file against SHA256SUMS: ``python verify.py``. Needs nothing but Python."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
_CHECK = ROOT / "src/serving/standalone/digests.py"


def main() -> int:
    """Say whether the folder is as it was exported."""
    found = importlib.util.spec_from_file_location("digests", _CHECK)
    if found is None or found.loader is None or not _CHECK.exists():
        print(f"{_CHECK.relative_to(ROOT)} is missing")
        return 1
    digests = importlib.util.module_from_spec(found)
    sys.dont_write_bytecode = True
    found.loader.exec_module(digests)
    try:
        files = digests.check_digests(ROOT)
    except digests.BundleDamaged as damage:
        print(damage)
        return 1
    print(f"{len(files)} files are as they were exported")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Ends with 0 when the server of this container is ready: what Docker's HEALTHCHECK runs."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask the server once."""
    address = f"http://127.0.0.1:{int(os.environ.get('PORT', '8080'))}/v2/health/ready"
    try:
        with urllib.request.urlopen(address, timeout=2.0) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, TimeoutError):
        return 1


if __name__ == "__main__":
    sys.exit(main())

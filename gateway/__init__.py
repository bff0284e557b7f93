"""Tollgate: from an HTTP request to a recorded charge."""

import sys

__version__ = "0.1.0"

# httpx's own command line, which nobody calls here, would load rich, click and pygments where they
# happen to be installed: 4 MB in every process. httpx does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

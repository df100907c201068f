"""The files of the user's project that a program imported, besides its own."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from jaxsight_runner.failures import is_user_file
from jaxsight_runner.loading.target import Loaded

_MOST = 500


def imported_files(loaded: Loaded) -> dict[str, str]:
    """Each file's path and the SHA-256 of what is in it now."""
    found: dict[str, str] = {}
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if not isinstance(place, str) or not is_user_file(place) or len(found) == _MOST:
            continue
        if place != loaded.request.path and place.endswith(".py"):
            try:
                found[place] = hashlib.sha256(Path(place).read_bytes()).hexdigest()
            except OSError:
                continue
    return dict(sorted(found.items()))

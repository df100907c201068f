"""What the terminal is, if there is one."""

from __future__ import annotations

import os
import sys


def is_coloured() -> bool:
    """Whether standard output takes colours."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()

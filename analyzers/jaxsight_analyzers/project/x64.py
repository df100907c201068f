"""Whether a project ever speaks of JAX's 64 bits: where nothing does, arrays have 32.

A switch, a context manager, a variable of the environment or a test of the setting: whichever it is, and
wherever it stands, what the dtypes of the project are is not known then.
"""

from __future__ import annotations

import re

_MENTION = re.compile(r"(?<![0-9])x64(?![0-9])|jax_default_dtype_bits", re.I)
_ALWAYS = re.compile(r"(?m)^[ \t]*(?:import|from)[ \t]+netket\b")
"""What enables 64 bits as it is imported."""


def mentions(text: str) -> bool:
    """Whether a text speaks of 64 bits."""
    if not (
        "x64" in text or "X64" in text or "netket" in text or "default_dtype_bits" in text.lower()
    ):
        return False  # the common case, spared the expressions
    return _MENTION.search(text) is not None or _ALWAYS.search(text) is not None

"""Structural rewrites: fixes that turn a statement into another one, written with libcst.

Only the modules of this package import libcst, and a rule imports them in its `fix`, when someone wants
the edits: neither checking nor starting pays for libcst. Where it cannot be imported, as in the
universal package of the extension on some machines, these fixes are not offered and all else works.

A rewrite takes an excerpt of a file (`excerpt.py`): statements of one block, parsed on their own. It
changes their tree and gives back one edit, so that comments, the indentation, the ends of lines and
everything around stay as they are. Which names a piece of code reads and binds the model says
(`semantic/liveness.py`).
"""

from __future__ import annotations

from functools import cache


@cache
def are_available() -> bool:
    """Whether libcst is installed. It is looked for and not imported."""
    from importlib.util import find_spec

    return find_spec("libcst") is not None

"""The signatures of the user's functions, whatever is annotated there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """What `inspect.signature` says, and raises where there is none.

    Python 3.14 evaluates annotations when they are asked for, which fails for a name that is imported for type
    checkers only: such a one is kept as it is written.
    """
    annotations: Any = sys.modules.get("annotationlib")  # `inspect` imports it where it is there
    if annotations is None:
        return inspect.signature(function)
    signature: Callable[..., inspect.Signature] = inspect.signature
    return signature(function, annotation_format=annotations.Format.FORWARDREF)

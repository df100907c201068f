"""The signature of a function is read whatever its annotations name."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from jaxsight_runner.signatures import signature_of

FOR_CHECKERS = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jax import Array

def scaled(x: Array, *, scale: float = 2.0) -> Array:
    return x * scale
"""
LAZY = sys.version_info >= (3, 14)  # before it such a file needs this import
SOURCE = FOR_CHECKERS if LAZY else f"from __future__ import annotations\n{FOR_CHECKERS}"


def test_a_name_that_is_imported_for_type_checkers_only_is_no_obstacle() -> None:
    scope: dict[str, Any] = {}
    exec(compile(SOURCE, "scaled.py", "exec", dont_inherit=True), scope)
    parameters = signature_of(scope["scaled"]).parameters
    assert list(parameters) == ["x", "scale"]
    assert parameters["scale"].default == 2.0


def test_where_python_knows_no_signature_it_says_so() -> None:
    with pytest.raises(ValueError, match="no signature"):
        signature_of(type)

"""What the text of a function's body says: the names in it, and whether it returns what it computes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.trees import walk

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.parameters import FunctionNode


class BodyText(NamedTuple):
    """The text of a body, and the function that it is of."""

    node: FunctionNode
    names: frozenset[str]
    computes: bool
    """Whether it returns something with a name in it: it is none that others override."""


def body_text_of(node: FunctionNode) -> BodyText:
    """What the text of a function says. `names` are those of functions in it, too."""
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    inside = [inner for part in body for inner in walk(part)]
    names = frozenset([inner.id for inner in inside if isinstance(inner, ast.Name)])
    if isinstance(node, ast.Lambda):
        return BodyText(node, names, not isinstance(node.body, ast.Constant))
    returned = [inner.value for inner in inside if isinstance(inner, ast.Return)]
    return BodyText(node, names, any(value is not None and _has_name(value) for value in returned))


def _has_name(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Name) for inner in walk(node))

"""References to mutable memory: what a Pallas kernel is given, and how they are read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.values import UNKNOWN, FunctionData, Kind, Origin, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Transformation


def of_kernel(
    data: FunctionData, transformation: Transformation, parameters: dict[str, Value]
) -> dict[str, Value]:
    """What a kernel gets: references for its inputs, and behind them for outputs and scratch memory."""
    signature = data.node.args
    positional = [*signature.posonlyargs, *signature.args]
    bound = {name for name, _ in data.bound_names}
    given = positional[transformation.bound : len(positional) - len(signature.defaults)]
    made = dict(parameters)
    for argument in given:
        if argument.arg in parameters and argument.arg not in bound:
            made[argument.arg] = Value(
                Kind.REFERENCE, Certainty.YES, Origin(argument.arg, argument)
            )
    if signature.vararg is not None:
        made[signature.vararg.arg] = UNKNOWN
    return made


def is_of_array(index: ast.expr) -> bool:
    """Whether an index is one of arrays; a number may as well choose from a tuple of references."""
    whole = isinstance(index, ast.Constant) and index.value is ...
    return whole or isinstance(index, (ast.Slice, ast.Tuple))

"""Variables of Flax NNX where an array is needed: what compares them, and functions that take arrays alone."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import nnx_modules
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_ORDERED: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_LAX = "jax.lax."


class VariableUsedSeen(NamedTuple):
    """A variable that is used as if it were the array in it."""

    node: ast.expr  # the variable
    by: str  # the operator, or the function by qualified name
    variable: str  # its class: `Param`
    holds_array: bool  # whether that is known
    guards: tuple[str, ...]


def note_comparison(run: Run, node: ast.Compare, operands: Sequence[Value]) -> None:
    """`param > 0`: variables have no order, though an array beside one does know what to do."""
    nodes = [node.left, *node.comparators]
    for place, operator in enumerate(node.ops):
        sign = _ORDERED.get(type(operator))
        if sign is None:
            continue
        for mine, other in ((place, place + 1), (place + 1, place)):
            if _class_of(run, operands[mine]) and _has_no_order(run, operands[other]):
                _note(run, nodes[mine], operands[mine], sign)
                break


def _has_no_order(run: Run, value: Value) -> bool:
    """Whether something has no order with a variable: a number, another variable, an array of NumPy's."""
    known = constant_of(value)
    is_number = isinstance(known, (int, float))
    return is_number or value.kind is Kind.HOST or _class_of(run, value) is not None


def note_call(run: Run, facts: FunctionFacts, arguments: Arguments) -> None:
    """A call of a function of `jax.lax`, which takes arrays; those of `jax.numpy` take variables, too."""
    if not facts.name.startswith(_LAX) or facts.returns != "array" or facts.traces:
        return
    for node, value in zip(arguments.nodes, arguments.positional):
        _note(run, node, value, facts.name)


def _class_of(run: Run, value: Value) -> str | None:
    """The library's own class of a variable."""
    if not isinstance(value.data, FunctionFacts) or value.optional:
        return None
    name = nnx_modules.library_class(run, value)
    is_variable = name is not None and run.knowledge.base(name) == nnx_modules.VARIABLE
    return name if is_variable else None


def _note(run: Run, node: ast.expr, value: Value, by: str) -> None:
    name = _class_of(run, value)
    if name is None or run.frame.state.dead or isinstance(node, ast.Starred):
        return
    holds = isinstance(value.data, FunctionFacts) and value.data.name.endswith("()")
    kind = name.rpartition(".")[2]
    run.events.nnx_used.append(VariableUsedSeen(node, by, kind, holds, run.guards))

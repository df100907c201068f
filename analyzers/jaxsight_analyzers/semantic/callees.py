"""What JAX refuses of the functions that it is given: values in their place, and bodies that return the wrong thing."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.events import RefusedSeen
from jaxsight_analyzers.semantic.structures import items_of, parts_of
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NEVER,
    NONE,
    FunctionData,
    Kind,
    Value,
    constant_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.contexts import Frame
    from jaxsight_analyzers.semantic.run import Run

_COUNTERS = frozenset(["i", "j", "idx", "ind", "index", "iteration", "epoch"])
_LIKE_COUNTERS = ("_", "i", "j", "k", "n", "t", "count", "epoch", "step", "loop")


def note_no_function(
    run: Run,
    node: ast.AST,
    facts: FunctionFacts,
    parameter: str,
    arguments: Arguments,
    value: Value,
) -> None:
    """Record what is given for a function and is none."""
    of_lax = facts.name.startswith("jax.lax.")  # `jnp.piecewise` takes values, too
    is_transformation = facts.name.startswith("jax.") and facts.transforms
    if not (of_lax or is_transformation) or not _is_no_function(value):
        return
    if facts.name == "jax.lax.cond" and len(arguments.positional) == 5:
        return  # `cond(p, x, true_fun, y, false_fun)`, as it was once written
    found = arguments.get(facts, parameter)
    if found is not None and found[0] is not None:
        _note(run, node, found[0], facts, parameter, "no function")


def _is_no_function(value: Value) -> bool:
    if value.kind is Kind.SEQUENCE:
        items = items_of(value) or ()
        return bool(items) and all(_is_no_function(item) for item in items)
    known = constant_of(value)
    number = known is not MISSING and known is not None
    return number or (value.kind in (Kind.ARRAY, Kind.HOST) and not value.optional)


def note_body(
    run: Run,
    node: ast.AST,
    facts: FunctionFacts,
    parameter: str,
    arguments: Arguments,
    data: FunctionData,
    returned: Value,
) -> None:
    """Record what is wrong with the body of a loop: what it takes, and what it gives back."""
    roles = facts.body.get(parameter, ())
    found = arguments.get(facts, parameter)
    if not facts.repeats or not facts.name.startswith("jax.lax.") or found is None:
        return
    argument = found[0]
    if argument is None or not roles or roles[-1] in ("operand", "leaf", "item"):
        return
    if not _takes(data, len(roles)):
        _note(run, node, argument, facts, parameter, "arity", function=data.node)
    elif "x" in roles and "carry" in roles and _is_no_pair(returned):
        _note(run, node, argument, facts, parameter, "no pair", function=data.node)
    elif roles == ("index", "carry"):
        swapped = _is_swapped(data)
        if swapped is not Certainty.NO:
            _note(run, node, argument, facts, parameter, "swapped", swapped, data.node)


def _takes(data: FunctionData, count: int) -> bool:
    """Whether a function can be called with so many arguments by position."""
    signature = data.node.args
    bound = len(data.bound) + (data.self_value is not None)
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)][bound:]
    needed = len(names) - min(len(signature.defaults), len(names))
    if data.bound_names or signature.kwonlyargs:
        return True
    return needed <= count and (signature.vararg is not None or count <= len(names))


def _is_no_pair(value: Value) -> bool:
    """Whether what a body of `scan` returns is surely not two things."""
    if value is NEVER or value.optional:
        return False
    items = items_of(value)
    if items is not None:
        return len(items) != 2
    if value.kind is Kind.MAPPING:
        return len(parts_of(value) or ()) != 2
    known = constant_of(value)
    return value is NONE or value.kind in (Kind.ARRAY, Kind.KEY) or known not in (MISSING, None)


def _is_swapped(data: FunctionData) -> Certainty:
    """Whether the body of `fori_loop` takes the counter last, by its names and what it does with them."""
    signature = data.node.args
    bound = len(data.bound) + (data.self_value is not None)
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)][bound:]
    if len(names) != 2:
        return Certainty.NO
    first, last = names
    nodes = list(walk(data.node))
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == first]
    if not uses or any(not isinstance(use.ctx, ast.Load) for use in uses):
        return Certainty.NO  # it may be made into something else first
    if any(_takes_apart(node, first) for node in nodes):
        return Certainty.YES
    counts = last in _COUNTERS and not first.startswith(_LIKE_COUNTERS)
    return Certainty.MAYBE if counts else Certainty.NO


def _takes_apart(node: ast.AST, name: str) -> bool:
    """Whether a name is unpacked or an element is taken of it, which a counter does not have."""
    if isinstance(node, ast.Assign):
        is_name = isinstance(node.value, ast.Name) and node.value.id == name
        return is_name and isinstance(node.targets[0], (ast.Tuple, ast.List))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        is_element = isinstance(node.slice.value, (int, str))
        return is_element and isinstance(node.value, ast.Name) and node.value.id == name
    return False


def note_suspended(run: Run, frame: Frame, why: str) -> None:
    """Record a generator or coroutine function that is traced itself: a call of it runs nothing."""
    applied = frame.tracing
    if applied is not None:
        _note(run, frame.node, frame.node, applied.facts, "", why, function=frame.node)


def note_items(
    run: Run, node: ast.AST, facts: FunctionFacts, parameter: str, arguments: Arguments
) -> None:
    """Record `lax.scan(f, init, [1.0, 2.0])` or `lax.scan(f, init, 10)`: numbers have no axis."""
    found = arguments.get(facts, parameter)
    if found is None or found[0] is None or not facts.name.startswith("jax.lax."):
        return
    value = found[1]
    items = items_of(value)
    inside = (value,) if items is None else items
    if inside and all(_is_number(one) for one in inside):
        _note(run, node, found[0], facts, parameter, "no axis" if items is None else "numbers")


def _is_number(value: Value) -> bool:
    return isinstance(constant_of(value), (int, float, complex))


def _note(
    run: Run,
    node: ast.AST,
    argument: ast.AST,
    facts: FunctionFacts,
    parameter: str,
    why: str,
    certainty: Certainty = Certainty.YES,
    function: ast.AST | None = None,
) -> None:
    if run.frame.state.dead or isinstance(argument, ast.Starred):
        return
    run.events.refusals.append(
        RefusedSeen(
            node,
            argument,
            facts.name,
            parameter,
            why,
            certainty,
            function,
            run.frame,
            run.guards,
        )
    )

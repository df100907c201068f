"""Methods that libraries give to functions and modules of this file: `f.defvjp`, `f.lower`, `model.apply`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    bodies,
    effects,
    functions,
    haiku,
    key_uses,
    linen_classes,
    linen_layers,
    linen_making,
    linen_needs,
    linen_pairs,
    linen_variables,
    members,
    results,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.events import ObjectCallSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    constant_of,
    function_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def unwrapped(base: Value) -> Value:
    """`f.__wrapped__`: the function without the transformation that was applied last."""
    data = function_of(base)
    if data is None or not data.transformations:
        return UNKNOWN
    return Value(Kind.FUNCTION, data=replace(data, transformations=data.transformations[:-1]))


def _method_facts(run: Run, data: FunctionData, name: str) -> FunctionFacts | None:
    if not data.transformations:
        return None
    qualified = data.transformations[-1].qualified
    for owner in (f"{qualified}()", qualified):  # a class is described by its own name, too
        facts = run.facts(f"{owner}.{name}")
        if facts is not None and facts.specific:
            return facts
    return None


def of_function(
    run: Run, node: ast.expr, base: Value, name: str, arguments: Arguments
) -> Value | None:
    """`f.defvjp(forward, backward)`, `f.lower(x)`; None where what transforms `f` has no such method."""
    data = function_of(base)
    facts = None if data is None else _method_facts(run, data, name)
    if data is None or facts is None:
        return None
    if data.self_value is not None and not data.transformations[-1].bound:
        data = replace(data, self_value=None)  # of the function, which the object is passed to
    bound = Arguments((base,), {}, (node,)).followed_by(arguments)
    key_uses.use_keys(run, node, facts.name, facts, bound)
    if facts.runs is None:
        _note_object_call(run, node, facts, data)
        return bodies.run_bodies(run, node, facts.name, facts, bound)
    inner = _method_facts(run, replace(data, transformations=data.transformations[:-1]), name)
    haiku.note(run, node, facts, data, arguments)
    stateful = inner is not None and len(inner.positional) > len(facts.positional) + 1
    if stateful:  # `hk.without_apply_rng(hk.transform_with_state(f))`
        return results.of_library(run, node, facts.name, facts, arguments)
    before = run.frame.state.copy() if facts.only_traces else None
    returned = functions.call(run, node, data, arguments.after(facts))
    if before is not None:  # neither keys nor donated arrays are used up
        run.frame.state.consumed, run.frame.state.names = before.consumed, before.names
    if not facts.discards:
        return returned
    made = results.of_library(run, node, facts.name, facts, arguments)
    return haiku.returned(facts, returned, made)


def _note_object_call(run: Run, node: ast.AST, facts: FunctionFacts, data: FunctionData) -> None:
    """A method of what a library's class made of a function: `MCMC(NUTS(model)).run(key)`."""
    is_object = data.transformations[-1].facts.kind == "type"
    if is_object and isinstance(node, ast.Call) and not run.frame.state.dead:
        run.events.object_calls.append(ObjectCallSeen(node, facts.name, (), run.guards))


def run_by(run: Run, base: Value, name: str) -> tuple[FunctionFacts, FunctionData] | None:
    """The function of this file that a library's method runs: `apply` of a module, of `hk.transform(f)`."""
    data = function_of(base)
    if base.kind is Kind.INSTANCE:
        parent = members.library_base(run, base)
        facts = None if parent is None else run.facts(f"{parent}.{name}")
        method = (
            None if facts is None or facts.runs is None else members.member(run, base, facts.runs)
        )
        data = None if method is None else function_of(method)
    else:
        facts = None if data is None else _method_facts(run, data, name)
    if facts is None or data is None or facts.runs is None:
        return None
    return facts, data


def inherited(run: Run, node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value:
    """A method that a class of this file has from a library's class."""
    parent = members.library_base(run, base)
    facts = None if parent is None else run.facts(f"{parent}.{name}")
    if facts is None:
        return results.unknown(run, node)
    if facts.returns == "none" and not run.frame.state.dead:
        modules = (False,) * len(arguments.positional)
        run.events.object_calls.append(ObjectCallSeen(node, facts.name, modules, run.guards))
    bound = replace(
        arguments,
        positional=(base, *arguments.positional),
        nodes=(node.func, *arguments.nodes),
    )
    if facts.effect is not None:
        effects.library_called(run, node, facts.name, facts, bound)
    key_uses.use_keys(run, node, facts.name, facts, bound)
    role = linen_layers.plays(facts)
    if role in ("apply", "init"):
        return _applied(run, node, base, facts, bound)
    known = None if role is None else _of_module(run, node, base, role, arguments)
    if known is not None:
        return known
    return results.of_library(run, node, facts.name, facts, bound)


def of_module(
    run: Run, node: ast.Call, method: linen_layers.ModuleMethod, arguments: Arguments
) -> Value:
    """A method that a module of the file or a layer of Flax Linen has from `nn.Module`."""
    base, facts = method.base, run.facts(f"{linen_layers.MODULE}.{method.name}")
    if facts is None:
        return results.unknown(run, node)
    bound = replace(
        arguments,
        positional=(base, *arguments.positional),
        nodes=(node.func, *arguments.nodes),
    )
    key_uses.use_keys(run, node, facts.name, facts, bound)
    return _applied(run, node, base, facts, bound)


def _applied(
    run: Run, node: ast.Call, base: Value, facts: FunctionFacts, bound: Arguments
) -> Value:
    """`model.apply(variables, x)`, `model.init(key, x)`: the module runs, and what that needs is judged here."""
    frame = run.frame
    before, frame.applied = frame.applied, []
    returned: Value | None = None
    layer = linen_layers.layer_of(base)
    if layer is not None:
        returned = linen_layers.call(run, node, layer, bound.after(facts))
    else:
        method = None if facts.runs is None else _chosen(run, base, facts.runs, bound)
        data = None if method is None else function_of(method)
        if data is not None:
            returned = functions.call(run, node, data, bound.after(facts))
    needs, frame.applied = frame.applied, before
    linen_needs.applied(run, node, base, facts, bound, needs)
    more = "mutable" in bound.keywords or "capture_intermediates" in bound.keywords
    if returned is not None and not facts.discards and not more:
        return returned
    made = results.of_library(run, node, facts.name, facts, bound)
    if facts.role == "apply" and linen_needs.returns_pair(bound):
        return linen_pairs.pair_of(node, returned, made)
    return linen_variables.of_init(facts, made) if facts.role == "init" else made


def _of_module(
    run: Run, node: ast.Call, base: Value, role: str, arguments: Arguments
) -> Value | None:
    """What a method of `nn.Module` does that is called of a module of this file; None where that is nothing special."""
    if role in ("draw", "put"):
        linen_needs.of_method(run, node, role, arguments)
    if role in ("variable", "param"):
        linen_classes.note_made(run, node, f"self.{role}")
        linen_making.of_method(run, role, arguments)
    if role == "param":
        first = arguments.positional[0] if arguments.positional else arguments.keywords.get("name")
        linen_making.named(run, node, first, "self.param")
        linen_needs.parameter(run, node)
    if role == "variable":
        return linen_needs.variable(run, node, arguments)
    if role == "clone":
        return linen_layers.copied(base, arguments)
    if role == "initializing":
        return linen_needs.IS_INITIALIZING
    return linen_needs.HAS_VARIABLE if role == "initialized" else None


def _chosen(run: Run, base: Value, usual: str, arguments: Arguments) -> Value | None:
    """The method that `model.apply(..., method=...)` runs."""
    method = arguments.keywords.get("method")
    if method is None or constant_of(method) is None:
        return members.member(run, base, usual)
    name = constant_of(method)
    if isinstance(name, str):
        return members.member(run, base, name)
    return members.bound_to(method, base)

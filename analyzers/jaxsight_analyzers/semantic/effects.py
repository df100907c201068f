"""Effects: what a function reads and does that outlives the call.

An effect on an argument is the caller's to judge: it comes back with the call, and is an effect of the
caller if the object outlives that. Where a transformation hands a function copies of its arguments,
it goes no further. What is not known to outlive the call is no effect.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    class_kinds,
    containers,
    decorators,
    harmless,
    homes,
    members,
    nnx_state,
)
from jaxsight_analyzers.semantic.contexts import Frame, Summary
from jaxsight_analyzers.semantic.events import EffectSeen, Through
from jaxsight_analyzers.semantic.homes import home_of_object
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import OF_THE_CALLER, Home
from jaxsight_analyzers.semantic.values import (
    MISSING,
    FunctionData,
    Kind,
    Value,
    class_of,
    constant_of,
    most_traced,
    qualified_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_ARRAYS = (Kind.ARRAY, Kind.KEY, Kind.KEYS)
_CONTAINERS = (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING)
NEVER_CHANGES = (Kind.FUNCTION, Kind.CLASS, Kind.IMPORTED, Kind.CALLABLE)
_REFERENCE = "jax.Ref"
_KINDS = {"settings": "write", "environment": "read", "draw": "random", "runtime": "io"}
_MAX_CALLS = 8  # through which an effect comes back
_WHY = {
    "runtime": "it happens when the code runs",
    "state": "the library threads it through the transformation",
}


def enter(run: Run, frame: Frame) -> None:
    """A function starts: its arguments are the caller's objects."""
    scope = frame.scope
    if scope is not None:
        frame.state.homes = homes.of_parameters(scope)


# What statements and expressions do


def rebound(run: Run, target: ast.Name, value: Value) -> None:
    """A name that is declared `global` or `nonlocal` is bound."""
    home, scope = homes.home_of_name(run, target.id), run.frame.scope
    if home is not None and scope is not None:
        category = scope.declared[target.id]
        note(run, target, "write", home._replace(category=category), target.id, value)


def stored(run: Run, target: ast.expr, base: Value, value: Value) -> None:
    """`base.name = value`, `base[index] = value`, or such a target of `+=` or `del`."""
    if run.frame.scope is None or base.kind in _ARRAYS:
        return
    assert isinstance(target, (ast.Attribute, ast.Subscript))
    if isinstance(target, ast.Subscript) and _is_array_item(base, target):
        return
    home = home_of_object(run, target.value)
    if home is None:
        return
    how = "item" if _is_container(run, base, home, target) else "part"
    if (
        isinstance(target, ast.Subscript)
        and home.environment is not None
        and homes.is_place(target)
    ):
        home = home._replace(certainty=Certainty.MAYBE)  # perhaps set in each run before it is read
    if nnx_state.is_written(run, target, base):
        how = nnx_state.HOW
    elif _is_reference(base, target):
        how = "reference"
    what = homes.text(home, target.value)
    if isinstance(target, ast.Attribute):
        how = how if how == nnx_state.HOW else "attribute"
        qualified = qualified_of(base)
        if qualified is not None and qualified != _REFERENCE:
            home, what = Home("environment", qualified), qualified
        what = f"{what}.{target.attr}"
    note(run, target, "write", home, what, value, how=how)


def _is_array_item(base: Value, target: ast.Subscript) -> bool:
    """Whether it is an item of what is an array rather than a container, which fails."""
    index = target.slice
    if base.kind is not Kind.TREE or isinstance(index, ast.Constant):
        return False
    return base.traced is not Certainty.NO


def _is_container(run: Run, base: Value, home: Home, target: ast.Attribute | ast.Subscript) -> bool:
    """Whether it is surely no reference of JAX whose items are assigned to."""
    key = target.slice if isinstance(target, ast.Subscript) else None
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return True
    known = base.kind in _CONTAINERS or base.kind is Kind.HOST
    return known or homes.is_container(run, home, target.value)


def _is_reference(base: Value, target: ast.expr) -> bool:
    """Whether it is written through a reference, such as `o_ref[...] = x`."""
    if qualified_of(base) == _REFERENCE:
        return True
    index = target.slice if isinstance(target, ast.Subscript) else None
    return isinstance(index, ast.Constant) and index.value is ...


def added_in_place(run: Run, node: ast.AugAssign, old: Value, value: Value) -> None:
    """`name += [item]` of a list, or `name += x` of a NumPy array: the object itself changes."""
    scope = run.frame.scope
    if scope is None or not isinstance(node.target, ast.Name):
        return
    in_place = old.kind is Kind.HOST or isinstance(node.value, (ast.List, ast.ListComp))
    if in_place and node.target.id not in scope.declared:
        home = homes.home_of_name(run, node.target.id)
        if home is not None:
            home = home._replace(certainty=Certainty.MAYBE)
            note(run, node, "write", home, home.name, value)


def method_called(
    run: Run,
    node: ast.Call,
    base: Value,
    function: Value,
    arguments: tuple[Value, ...],
    alone: bool,
) -> None:
    """A method that is not one of this file: `history.append(x)` changes what it is called of."""
    assert isinstance(node.func, ast.Attribute)
    how = run.knowledge.mutator(node.func.attr)
    if how is None or run.frame.scope is None or base.kind in _ARRAYS:
        return
    if function.kind in NEVER_CHANGES or constant_of(base) is not MISSING:
        return
    if isinstance(base.data, FunctionFacts):
        return  # no container: what its methods do is known
    if len(node.args) > 1 and node.keywords and base.kind not in _CONTAINERS:
        return  # `t.update(grads, state, params=params)`: no method of a container takes that
    home = home_of_object(run, node.func.value)
    if home is None:
        return
    if base.kind not in _CONTAINERS and not homes.is_container(run, home, node.func.value):
        if not alone and how != "result":
            return  # `updates, state = optimizer.update(grads, state)`
        if not (alone and how == "sure"):
            home = home._replace(certainty=Certainty.MAYBE)
    what = homes.text(home, node.func.value)
    kept = "item" if how == "sure" else "attribute"
    note(run, node, "write", home, what, most_traced(arguments), how=kept)


def library_called(
    run: Run, node: ast.Call, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> None:
    """A library's function that does more than return something."""
    if run.frame.scope is None:
        return
    value = most_traced(arguments.values())
    if facts.mutates is not None:
        _argument_changed(run, node, facts, arguments)
    effect = facts.effect
    if effect == "iterate":
        home = home_of_object(run, node.args[0]) if node.args else None
        if home is not None:
            note(run, node, effect, home, homes.text(home, node.args[0]), value)
    elif effect == "draw":  # from a generator that is an object
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        home = None if owner is None else home_of_object(run, owner)
        if owner is not None and home is not None:
            note(run, node, "random", home, homes.text(home, owner), value)
    elif effect == "variable":
        nnx_state.updated(run, node, tuple(node.args[:1]))
    elif effect is not None:
        kind = "write" if effect == "state" else _KINDS.get(effect, effect)
        home = Home("environment", qualified)
        note(run, node, kind, home, qualified, value, why=_WHY.get(effect, ""))


def _argument_changed(run: Run, node: ast.Call, facts: FunctionFacts, arguments: Arguments) -> None:
    found = arguments.get(facts, facts.mutates or "")
    if found is None or found[0] is None or found[1].kind in _ARRAYS:
        return
    home = home_of_object(run, found[0])
    if home is None:
        return
    what = homes.text(home, found[0])
    name = arguments.get(facts, "name")
    attribute = constant_of(name[1]) if name is not None else None
    if isinstance(attribute, str):
        what = f"{what}.{attribute}"
    others = [value for value in arguments.values() if value is not found[1]]
    note(run, node, "write", home, what, most_traced(others))


def library_item(run: Run, node: ast.Subscript, base: Value) -> None:
    """`os.environ["X"]`."""
    qualified = qualified_of(base) or ""
    facts = run.facts(f"{qualified}.__getitem__")
    if facts is not None and facts.effect == "environment" and isinstance(node.ctx, ast.Load):
        note(run, node, "read", Home("environment", qualified), qualified, base)


def changed_object(run: Run, node: ast.expr) -> Value:
    """The object that an assignment changes; to look up its name is not to read it."""
    if isinstance(node, ast.Name):
        value = run.lookup(node.id)
        if value.kind is not Kind.IMPORTED:
            return value
    return run.evaluate(node)


# Taking note


def note(
    run: Run,
    node: ast.AST,
    kind: str,
    home: Home,
    what: str,
    value: Value | Certainty,
    *,
    why: str = "",
    how: str = "attribute",
    seen_in: EffectSeen | None = None,
    through: Through = (),
    later: tuple[ast.AST, ...] = (),
) -> None:
    """Note an effect here: for rules, or for the caller if it is on what the caller passed.

    One that comes back with a call was `seen_in` the function that is called, `through` calls.
    """
    here = run.frame
    if here.state.dead or here.scope is None:
        return
    copied, ends_here = False, here.tracing
    if ends_here is not None and home.category in OF_THE_CALLER and home.environment is None:
        home, copied = harmless.under_trace(run, home)
    certainty = home.certainty
    if how == "part" or _where_an_argument_is_none(here) or _is_set_anew(run, home):
        certainty = Certainty.MAYBE
    why = why or harmless.reason(run, home, what, copied=copied, how=how)
    guards = _guards(here) if seen_in is None else (*_guards(here), *seen_in.guards)
    if how == nnx_state.HOW and ends_here is not None and ends_here.facts.reverse:
        guards = (*guards, nnx_state.LEARNS)
    seen = EffectSeen(
        node,
        kind,
        what,
        home,
        value.traced if isinstance(value, Value) else value,
        certainty,
        why,
        copied and not why,
        here,
        here.scope if seen_in is None else seen_in.scope,
        how,
        guards,
        through,
        changes=later,
    )
    _keep(run, seen)


def _keep(run: Run, seen: EffectSeen) -> None:
    """Keep an effect, for rules unless it waits to be judged by the caller."""
    here, home = run.frame, seen.home
    here.effects.seen[seen.key] = seen
    run.task.note_covered(seen.scope)
    if seen.how == nnx_state.HOW:
        nnx_state.note(run, seen, home)
    if (
        here.tracing is not None
        or home.environment is not None
        or home.category not in OF_THE_CALLER
    ):
        run.events.effects.append(seen)


def _is_set_anew(run: Run, home: Home) -> bool:
    """Whether it is a module of Haiku, which is made anew in each run of what is transformed, or one that clears itself."""
    around = run.frame.environment if home.environment is None else home.environment
    held = around.state.names.get(home.name)
    if held is None:
        return False
    base = members.library_base(run, held)
    if base is not None and run.knowledge.base(base) == "haiku-module":
        return True
    owner = class_of(held)
    return owner is not None and class_kinds.sets_by_name(run, owner)


def _where_an_argument_is_none(frame: Frame) -> bool:
    """Whether it is under `if rng is None:`: not known to be so, or that would not be a condition."""
    return any(
        condition.truth
        and isinstance(test := condition.test.node, ast.Compare)
        and isinstance(test.left, ast.Name)
        and isinstance(test.ops[0], ast.Is)
        for condition in frame.state.conditions
    )


def _guards(frame: Frame) -> tuple[str, ...]:
    return tuple([guard for inner in frame.chain() for guard in inner.guards])


# Effects across calls


def come_back(
    run: Run, node: ast.AST, data: FunctionData, summary: Summary, returned: Value
) -> None:
    """What a call of a function of this file did to what outlives it."""
    caller, done = run.frame, summary.effects
    if done is None:
        return
    on_arguments = done.on_arguments()
    for seen in on_arguments:
        _forget_argument(run, node, data, seen)
    if caller.scope is None:
        return
    if caller.traced and getattr(data.node, "decorator_list", ()):
        _note_cache(run, node, data, summary, returned)
    caller.effects.callees.setdefault(done.frame.task or done, len(caller.effects.seen))
    for seen in on_arguments:
        if len(seen.through) < _MAX_CALLS:
            _argument_comes_back(run, node, data, seen)


def _forget_argument(run: Run, node: ast.AST, data: FunctionData, seen: EffectSeen) -> None:
    """What is known of an argument is over where the call changes it."""
    name, _ = homes.root_and_rest(seen.what)
    found = homes.argument_for(run, node, data, name) if seen.kind == "write" else None
    if isinstance(found, ast.expr):
        containers.changed_by_call(run, found)


def _argument_comes_back(run: Run, node: ast.AST, data: FunctionData, seen: EffectSeen) -> None:
    name, rest = homes.root_and_rest(seen.what)
    found = homes.argument_for(run, node, data, name)
    if found is None:
        return
    if isinstance(found, Home):  # nobody passes it: the default is one object for all calls
        home, what = found, seen.what
    else:
        home = home_of_object(run, found)
        if home is None:
            return
        what = homes.text(home, found) + rest
    home = home._replace(certainty=min(home.certainty, seen.home.certainty))
    how = "reference" if seen.why == "a reference" else seen.how
    if how == "part" and isinstance(found, ast.expr) and homes.is_container(run, home, found):
        how = "item"
    known = run.frame.effects.seen.get(seen._replace(what=what).key)
    if known is not None and len(known.through) <= len(seen.through):
        return  # a recursive call
    through = ((data.name, node), *seen.through)
    note(run, seen.node, seen.kind, home, what, seen.value, how=how, seen_in=seen, through=through)


def _note_cache(
    run: Run, node: ast.AST, data: FunctionData, summary: Summary, returned: Value
) -> None:
    """`functools.cache` keeps what the function made while it was traced."""
    if not decorators.is_cached(data.node):
        return
    passed = max(
        (value.traced for name, value in summary.parameters.items() if name != "self"),
        default=Certainty.NO,
    )
    frame = run.frame
    assert frame.scope is not None
    seen = EffectSeen(
        node,
        "cache",
        data.name,
        Home("module container", data.name),
        returned.traced,
        Certainty.YES,
        "" if max(passed, returned.traced) is not Certainty.NO else "no tracer is kept",
        False,
        frame,
        frame.scope,
        "item",
        _guards(frame),
        passed=passed,
    )
    frame.effects.seen[seen.key] = seen
    run.events.effects.append(seen)

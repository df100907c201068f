"""What running a module of Flax Linen needs of who applies it: collections it may write, streams of keys.

A layer that is called, `make_rng`, a variable that is written need something of the `apply` around. What that
is comes back with calls, like effects, up to the call of `apply`, which gives it or does not.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import linen_making
from jaxsight_analyzers.semantic.linen_events import ApplySeen, Need
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import MISSING, Kind, Value, class_of, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.contexts import Frame, Summary
    from jaxsight_analyzers.semantic.linen_layers import Layer
    from jaxsight_analyzers.semantic.states import Environment

_FIRST = "params"
"""The stream that a key comes from where nobody gave the one that is asked for."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What `self.variable("batch_stats", ...)` gives: it is written through `.value`."""

    collection: str


IS_INITIALIZING = Value(Kind.UNKNOWN, data=Variable("is_initializing()"))
HAS_VARIABLE = Value(Kind.UNKNOWN, data=Variable("has_variable()"))


# What needs something


def of_layer(run: Run, node: ast.Call, layer: Layer, arguments: Arguments) -> None:
    """A call of a layer."""
    facts = layer.facts
    if facts.reads is not None:
        _note(run, Need("read", facts.reads, _by(layer), Certainty.YES, node))
    if facts.off is None or run.frame.state.dead:
        return
    given = {**dict(zip(facts.call, arguments.positional)), **arguments.keywords}
    if facts.instead is not None and given.get(facts.instead) is not None:
        return
    flag = given.get(facts.off)
    linen_making.flag_of(run, node, layer, flag, is_open=arguments.open)
    off = layer.get(facts.off) if flag is None else constant_of(flag)
    if off is None and flag is not None:
        off = layer.get(facts.off)
    if off is True or (arguments.open and off is None):
        return
    certainty = Certainty.YES if off is False else Certainty.MAYBE
    if facts.rate is not None:
        rate = layer.get(facts.rate)
        if rate == 0 and rate is not MISSING:
            return
        if not isinstance(rate, (int, float)):
            certainty = Certainty.MAYBE
    name = layer.get(facts.named_by) if facts.named_by is not None else None
    if name is MISSING:
        return
    if facts.writes is not None:
        _note(run, Need("mutable", facts.writes, _by(layer), certainty, node))
    elif facts.draws is not None:
        stream = name if isinstance(name, str) else facts.draws
        _note(run, Need("rng", stream, _by(layer), certainty, node))


def _by(layer: Layer) -> str:
    return f"nn.{layer.facts.name.rpartition('.')[2]}"


def of_method(run: Run, node: ast.Call, role: str, arguments: Arguments) -> None:
    """`self.make_rng("noise")`, `self.put_variable("cache", "index", i)`."""
    if not arguments.positional and role == "put":
        return
    name = constant_of(arguments.positional[0]) if arguments.positional else _FIRST
    if isinstance(name, str):
        kind, by = ("rng", "make_rng") if role == "draw" else ("mutable", "put_variable")
        _note(run, Need(kind, name, f"self.{by}", Certainty.YES, node))


def parameter(run: Run, node: ast.Call) -> None:
    """`self.param("w", ...)`."""
    _note(run, Need("read", "params", "self.param", Certainty.YES, node))


def variable(run: Run, node: ast.Call, arguments: Arguments) -> Value | None:
    """What `self.variable(...)` gives; None where the collection is not known."""
    given = arguments.positional[0] if arguments.positional else arguments.keywords.get("col")
    name = MISSING if given is None else constant_of(given)
    if not isinstance(name, str):
        return None
    _note(run, Need("read", name, "self.variable", Certainty.YES, node))
    return Value(Kind.UNKNOWN, data=Variable(name))


def stored(run: Run, target: ast.Attribute, base: Value) -> None:
    """`mean.value = ...` of a variable."""
    if isinstance(base.data, Variable) and target.attr == "value":
        _note(run, Need("mutable", base.data.collection, "self.variable", Certainty.YES, target))


def may_be_left_out(run: Run, test: ast.expr, truth: bool) -> bool:
    """Whether another branch may be taken where a module is applied with the variables that it made."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, truth = test.operand, not truth
    if isinstance(test, ast.Name):
        return run.lookup(test.id) is not (HAS_VARIABLE if truth else IS_INITIALIZING)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute):
        return test.func.attr != ("has_variable" if truth else "is_initializing")
    return True


# Through calls


def come_back(run: Run, summary: Summary) -> None:
    """What a call needs its caller needs, too, unless it is the call that `apply` makes."""
    for need in summary.needs:
        _note(run, need)


def _note(run: Run, need: Need) -> None:
    frame = run.frame
    if frame.applied is not None:
        frame.applied.append(need)
        return
    if frame.state.dead or frame.scope is None:
        return
    if not _is_sure(frame):
        need = need._replace(certainty=Certainty.MAYBE)
    known = frame.needs or {}
    before = known.get(need.key)
    if before is None or before.certainty < need.certainty:
        known[need.key] = need
    frame.needs = known


def _is_sure(frame: Frame) -> bool:
    """Whether the frame comes here whenever it runs: a loop runs at least once, that is the rule."""
    left = any(passes and passes[-1] for passes in (frame.breaks, frame.continues))
    return not frame.branching and frame.returned is None and not left


# Where a module is applied


def applied(
    run: Run,
    node: ast.Call,
    base: Value,
    facts: FunctionFacts,
    arguments: Arguments,
    needs: list[Need],
) -> None:
    """A call of `apply` or `init`, and what running the module needs."""
    frame = run.frame
    if frame.state.dead:
        return
    owner = class_of(base)
    keys = _unused_keys(frame) if needs else ()
    run.events.linen_applied.append(
        ApplySeen(
            node,
            facts.name.rpartition(".")[2],
            getattr(getattr(base.data, "facts", None), "name", "") if owner is None else owner.name,
            arguments.get(facts, "variables"),
            tuple(needs),
            None if arguments.open else _mutable(arguments.keywords.get("mutable")),
            None if arguments.open else _streams(arguments.keywords.get("rngs")),
            keys,
            frame,
            run.guards,
        )
    )


def _unused_keys(frame: Frame) -> tuple[str, ...]:
    """The names that hold a key which nothing used up, in the function and those around it."""
    consumed, found = frame.state.consumed.keys(), dict[str, None]()
    around: Environment | None = frame.environment
    while around is not None and (around.scope is not None or around is frame.environment):
        for name, value in around.state.names.items():
            if value.kind is Kind.KEY and consumed.isdisjoint(value.tokens or ()):
                found[name] = None
        around = around.parent
    return tuple(found)


def returns_pair(arguments: Arguments) -> bool:
    """Whether a call of `apply` surely returns the updated collections beside the output."""
    return bool(_mutable(arguments.keywords.get("mutable"))) and not arguments.open


def _mutable(value: Value | None) -> frozenset[str] | None:
    """The collections that may be written, "*" for all of them; None where that is not known."""
    if value is None:
        return frozenset()
    items = items_of(value)
    names = [constant_of(value)] if items is None else [constant_of(item) for item in items]
    found: set[str] = set()
    for name in names:
        if isinstance(name, bool) and items is None:
            found.update(("*",) if name else ())
        elif isinstance(name, str):
            found.add(name)
        else:
            return None
    return frozenset(found)


def _streams(value: Value | None) -> frozenset[str] | None:
    """The streams of keys that are given, "*" for any of them; None where that is not known."""
    if value is None or constant_of(value) is None:
        return frozenset()
    if value.kind is Kind.KEY:
        return frozenset(("*",))
    names = entries_of(value)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return frozenset("*" if name == _FIRST else str(name) for name in names)

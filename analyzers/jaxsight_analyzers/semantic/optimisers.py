"""Optimisers of Optax as values: what is known of one from how it is made.

An optimiser says which way its updates point, whether its `update` needs the parameters, and whether its
state changes from step to step; one that is made of others says so of them together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import qualified_names
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.schedules import Schedule
from jaxsight_analyzers.semantic.structures import entries_of, items_of, sequence
from jaxsight_analyzers.semantic.values import UNKNOWN, FunctionData, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.semantic.run import Run

CLASS = "optax.GradientTransformation"
_CLASSES = (CLASS, f"{CLASS}ExtraArgs")
_WORDS = ("down", "keep", "zero")


@dataclass(frozen=True, slots=True, eq=False)
class Optimiser(Described):
    """What is known of an optimiser. None where it is not known."""

    name: str  # the library's function that made it, as the tables call it
    direction: str | None  # "down": against the gradient; "keep": as it; "zero"
    changes: bool | None  # whether its state is another one after each step
    needs_params: str | None  # the part that needs them: `optax.adamw`; "" for none
    extras: tuple[str, ...] = ()  # keyword arguments that `update` has to be given
    clips: bool = False
    parts: tuple[Part, ...] = ()  # of a chain, in their order
    moments: bool = False  # whether its state surely has arrays that are made like the parameters

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        said = [self.direction or "any way"]
        said += ["stateful" if self.changes else "stateless"] if self.changes is not None else []
        said += [f"needs params for {self.needs_params}"] if self.needs_params else []
        said += [f"extra {' '.join(self.extras)}"] if self.extras else []
        return f"optimiser {self.name}: {', '.join(said)}"

    @property
    def signature(self) -> object:
        """What tells it from others."""
        inside = tuple([(part.optimiser and part.optimiser.signature) for part in self.parts])
        said = (self.name, self.direction, self.changes, self.needs_params, self.extras)
        return *said, self.moments, inside

    def joined(self, other: object) -> object:
        """What is left to say of it where two paths meet."""
        assert isinstance(other, Optimiser)
        if self.signature == other.signature:
            return self
        needs = self.needs_params if self.needs_params == other.needs_params else None
        return Optimiser(
            self.name,
            self.direction if self.direction == other.direction else None,
            self.changes if self.changes == other.changes else None,
            self.needs_params if self.needs_params and other.needs_params else needs,
            self.extras if self.extras == other.extras else (),
            moments=self.moments and other.moments,
        )

    @property
    def plain(self) -> tuple[object, ...]:
        """What other files are told of it."""
        return (
            self.name,
            self.direction,
            self.changes,
            self.needs_params,
            self.extras,
            self.clips,
            self.moments,
        )


def from_plain(told: Sequence[Any]) -> Optimiser:
    """An optimiser that another file tells of."""
    name, direction, changes, needs, extras, clips, moments = told
    return Optimiser(name, direction, changes, needs, tuple(extras), clips, moments=moments)


class Part(NamedTuple):
    """One of those that a chain is made of."""

    optimiser: Optimiser | None
    node: ast.expr | None


@dataclass(frozen=True, slots=True, eq=False)
class OptimiserMethod(Described):
    """`tx.update`, taken from an optimiser: by its name, or as one of the pair that it is."""

    optimiser: Optimiser
    name: str

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        return f"{self.name} of {self.optimiser.words}"

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.name, self.optimiser.signature


METHODS = ("init", "update")


def method_of(value: Value, name: str) -> Value | None:
    """`tx.update` as a value; None for what is no such method of an optimiser."""
    known = of(value)
    if known is None or name not in METHODS:
        return None
    return Value(Kind.UNKNOWN, data=OptimiserMethod(known, name))


def unpacked(value: Value) -> Value:
    """`init, update = optax.adam(1e-3)`: an optimiser as the pair that it is, anything else as it is."""
    known = of(value)
    if known is None:
        return value
    return sequence([Value(Kind.UNKNOWN, data=OptimiserMethod(known, name)) for name in METHODS])


@dataclass(frozen=True, slots=True, eq=False)
class Injected(Described):
    """`optax.inject_hyperparams(optax.adam)`: a maker of optimisers whose settings lie in their state."""

    facts: FunctionFacts

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        return f"maker of {self.facts.name}"

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.facts.name


class OptimiserSeen(NamedTuple):
    """An optimiser that is made."""

    node: ast.Call
    optimiser: Optimiser
    frozen: ast.Call | None  # the learning rate: a schedule, called for one step
    frame: Frame
    guards: tuple[str, ...]


# How they are made


def made(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value:
    """What a maker of optimisers returns."""
    if facts.optimiser == "injected":
        return _injected(run, arguments)
    found = _optimiser(run, facts, arguments)
    if isinstance(node, ast.Call) and not run.frame.state.dead:
        frozen = _frozen(run, _rate_node(facts, arguments))
        run.events.optimisers.append(OptimiserSeen(node, found, frozen, run.frame, run.guards))
    return Value(Kind.UNKNOWN, data=found)


def _frozen(run: Run, node: ast.expr | None) -> ast.Call | None:
    """`schedule(0)` for a learning rate."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    is_first = len(node.args) == 1 and isinstance(node.args[0], ast.Constant)
    known = run.lookup(node.func.id).data
    return node if is_first and isinstance(known, Schedule) else None


def _injected(run: Run, arguments: Arguments) -> Value:
    inner = arguments.positional[0] if arguments.positional else UNKNOWN
    if inner.kind is Kind.FUNCTION:
        return inner
    facts = run.facts(inner.data) if isinstance(inner.data, str) else None
    if facts is None or facts.optimiser is None:
        return Value(Kind.CALLABLE)
    return Value(Kind.CALLABLE, data=Injected(facts))


def of_injected(run: Run, node: ast.expr, maker: Injected, arguments: Arguments) -> Value:
    """A call of what `inject_hyperparams` returned."""
    found = _optimiser(run, maker.facts, arguments)
    known = Optimiser(
        found.name,
        found.direction,
        True,
        found.needs_params,
        found.extras,
        moments=found.moments,
    )
    return Value(Kind.UNKNOWN, data=known)


def _optimiser(run: Run, facts: FunctionFacts, arguments: Arguments) -> Optimiser:
    how = facts.optimiser or ""
    if how in ("chain", "named", "labelled", "inner", "every"):
        return _of_others(run, facts, arguments)
    if how in ("sgd", "scale", "rate", "schedule"):
        return _scaling(run, facts, arguments)
    words, _, extras = how.partition(" extra ")
    said = words.split()
    direction = next((word for word in _WORDS if word in said), None)
    needs = facts.name if "params" in said else ""
    changes = "state" in said or _is_schedule(_rate(facts, arguments))
    wanted = () if "linesearch" in arguments.keywords else tuple(extras.split())
    moments = "state" in said and "bare" not in said
    clips = "clips" in said
    return Optimiser(facts.name, direction, changes, needs, wanted, clips, moments=moments)


def _rate(facts: FunctionFacts, arguments: Arguments) -> Value | None:
    """The learning rate, or what stands for one."""
    if "learning_rate" in arguments.keywords:
        return arguments.keywords["learning_rate"]
    named = arguments.keywords.get(facts.parameter_at(0) or "")
    return arguments.positional[0] if named is None and arguments.positional else named


def _is_schedule(value: Value | None) -> bool | None:
    """Whether a learning rate is a function of the step, so that the state counts steps."""
    if value is None or isinstance(constant_of(value), (int, float)):
        return False
    if value.kind in (Kind.FUNCTION, Kind.CALLABLE) or isinstance(value.data, Schedule):
        return True
    return False if value.kind is Kind.ARRAY else None


def _scaling(run: Run, facts: FunctionFacts, arguments: Arguments) -> Optimiser:
    """What scales by a number or a schedule that it is given."""
    rate = _rate(facts, arguments)
    scheduled = {"schedule": True, "scale": False}.get(facts.optimiser or "", _is_schedule(rate))
    direction: str | None = "down"
    moments = False
    if facts.optimiser in ("scale", "schedule"):
        node = _rate_node(facts, arguments)
        sign = None if rate is None else _sign(run, rate, node)
        direction = {1: "keep", -1: "down"}.get(sign or 0)
    elif facts.optimiser == "rate" and "flip_sign" in arguments.keywords:
        flips = constant_of(arguments.keywords["flip_sign"])
        direction = {"False": "keep", "True": "down"}.get(str(flips))
    elif facts.optimiser == "sgd" and _has_momentum(arguments):
        moments = _has_momentum(arguments) is True
        scheduled = True if moments else None
    if arguments.open:
        direction = scheduled = None
    return Optimiser(facts.name, direction, scheduled, "", moments=moments)


def _has_momentum(arguments: Arguments) -> bool | str:
    """Whether `sgd` is given a momentum; "perhaps" where it may be None."""
    given = arguments.keywords.get("momentum")
    if given is None and len(arguments.positional) > 1:
        given = arguments.positional[1]
    if given is None or constant_of(given) is None:
        return False
    return True if isinstance(constant_of(given), (int, float)) else "perhaps"


def _rate_node(facts: FunctionFacts, arguments: Arguments) -> ast.expr | None:
    named = (arguments.keyword_nodes or {}).get(facts.parameter_at(0) or "")
    return arguments.nodes[0] if named is None and arguments.nodes else named


def _sign(run: Run, value: Value, node: ast.expr | None) -> int | None:
    number = constant_of(value)
    if isinstance(number, (int, float)) and number:
        return 1 if number > 0 else -1
    if isinstance(value.data, Schedule):
        return value.data.sign
    body = node
    if isinstance(node, ast.Lambda):
        body = node.body
    elif isinstance(value.data, FunctionData):
        body = _only_returned(value.data.node)
    return _sign_of_text(run, body)


def _only_returned(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Lambda):
        return node.body
    last = getattr(node, "body", [None])[-1]
    return last.value if isinstance(last, ast.Return) else None


def _sign_of_text(run: Run, node: ast.expr | None) -> int | None:
    """`-learning_rate`, `-1 * schedule(count)`: who writes a minus means a step down."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -1
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        for side in (node.left, node.right):
            if isinstance(side, ast.UnaryOp) and isinstance(side.op, ast.USub):
                return -1
    return None


def _of_others(run: Run, facts: FunctionFacts, arguments: Arguments) -> Optimiser:
    """A chain, and what wraps one or several optimisers."""
    parts = _parts(facts, arguments)
    known = [part.optimiser for part in parts]
    changes = _any([None if one is None else one.changes for one in known])
    needs = _first_needing(known)
    extras = tuple(dict.fromkeys(e for one in known if one is not None for e in one.extras))
    if facts.optimiser == "labelled":
        directions = {None if one is None else one.direction for one in known} - {"zero"}
        direction = directions.pop() if len(directions) == 1 else None
    else:
        direction = _direction(known)
    if facts.optimiser == "every":
        changes, extras = True, ()
    if facts.name.endswith(("apply_if_finite", "conditionally_transform")):
        changes = True
    if arguments.open or not parts:
        direction = None
        changes, needs = changes or None, needs or None
    is_chain = facts.optimiser in ("chain", "named")
    clips = facts.optimiser == "inner" and known[:1] != [] and bool(known[0] and known[0].clips)
    moments = facts.optimiser == "every" or any(one is not None and one.moments for one in known)
    return Optimiser(
        facts.name,
        direction,
        changes,
        needs,
        extras,
        clips,
        tuple(parts) if is_chain else (),
        moments and facts.optimiser != "labelled",
    )


def _parts(facts: FunctionFacts, arguments: Arguments) -> list[Part]:
    values: Sequence[Value] = arguments.positional
    nodes: Sequence[ast.expr | None] = arguments.nodes
    if facts.optimiser in ("inner", "every"):
        first = ("inner", "opt", "tx")
        values = [*values, *(v for k, v in arguments.keywords.items() if k in first)][:1]
        nodes = [*nodes, None][: len(values)]
    elif facts.optimiser == "labelled":
        given = values[0] if values else arguments.keywords.get("transforms", UNKNOWN)
        entries = entries_of(given)
        values = [UNKNOWN] if entries is None else list(entries.values())
        nodes = [None] * len(values)
    elif facts.optimiser == "named":
        values = [(items_of(one) or (UNKNOWN,))[-1] for one in values]
        nodes = [one.elts[-1] if isinstance(one, ast.Tuple) and one.elts else one for one in nodes]  # type: ignore[union-attr]
    return [Part(of(value), node) for value, node in zip(values, nodes)]


def of(value: Value) -> Optimiser | None:
    """The optimiser that a value is."""
    return value.data if isinstance(value.data, Optimiser) else None


def of_annotation(names: Iterable[str]) -> Value | None:
    """What is annotated as an optimiser, of which no more is known: `tx: optax.GradientTransformation | None`."""
    is_one = any(name in _CLASSES for name in names)
    return Value(Kind.UNKNOWN, data=_some_optimiser()) if is_one else None


def of_default(run: Run, home: Module, default: ast.expr | None) -> Value | None:
    """What a parameter is whose default is an optimiser: `tx=optax.adam(1e-3)`; a caller may give another."""
    if not isinstance(default, ast.Call):
        return None
    qualified = qualified_names.at(run, home, default.func)
    facts = None if qualified is None else run.facts(qualified)
    if facts is None or facts.optimiser in (None, "injected"):
        return None
    return Value(Kind.UNKNOWN, data=_some_optimiser())


def _some_optimiser() -> Optimiser:
    return Optimiser(CLASS, None, None, None)


def _any(found: Iterable[bool | None]) -> bool | None:
    known = list(found)
    return True if True in known else None if None in known else False


def _first_needing(known: Sequence[Optimiser | None]) -> str | None:
    for one in known:
        if one is not None and one.needs_params:
            return one.needs_params
    return None if any(one is None or one.needs_params is None for one in known) else ""


_TURNED = {"keep": "down", "down": "keep"}


def _direction(known: Sequence[Optimiser | None]) -> str | None:
    """That of several in a row: each that turns the updates around counts."""
    found: str = "keep"
    for one in known:
        if one is None or one.direction is None:
            return None
        if one.direction == "zero" or found == "zero":
            found = "zero"
        elif one.direction == "down":
            found = _TURNED[found]
    return found

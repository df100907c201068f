"""How code runs: frames, the transformations that trace them, and the chain that leads there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.loader import FunctionFacts
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.keys import (
    Condition,
    Consumed,
    Consumption,
    KeyToken,
    Passes,
    common_conditions,
    forward,
    join_consumed,
)
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    Value,
    or_none,
    some_of,
    tokens_in,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.events import EffectSeen
    from jaxsight_analyzers.semantic.scopes import FunctionScope


@dataclass(frozen=True, slots=True, eq=False)
class Transformation:
    """One application of a transformation: `jax.jit(f, static_argnums=0)`, or as a decorator."""

    qualified: str
    facts: FunctionFacts
    mode: str  # how it runs the function: see `knowledge`
    node: ast.AST  # the call or the decorator
    static: frozenset[str | int] = frozenset()
    static_unknown: bool = False  # the static arguments are given by an expression we do not know
    donated: frozenset[str | int] = frozenset()
    differentiated: frozenset[int] | None = None  # None: not known
    derivatives: tuple[int, ...] | None = None  # `argnums=(0, 1)`: one for each, in this order
    has_aux: bool | None = False  # whether it hands on what the function returns beside its value
    unmapped: frozenset[int] | None = frozenset()  # where `in_axes` is None; None: not known
    bound: int = 0  # how many arguments the function had when it was applied: `self`, `partial`'s
    passes: Passes = ()  # the loops around its application
    applied_in: object = None  # the mark of the frame where it was applied

    @property
    def abstract(self) -> bool:
        """Whether its tracers have no value, so that `bool()` of one fails."""
        return self.mode in ("abstract", "kernel", "closed")

    @property
    def traces_constants(self) -> bool:
        """Whether every result of a JAX function in it is a tracer; under `vmap` only some are."""
        return self.abstract and not self.qualified.endswith("vmap")

    @property
    def compiles(self) -> bool:
        """Whether it makes a function that XLA compiles when it is called."""
        return self.facts.when == "later" and self.qualified.rpartition(".")[2] in (
            "jit",
            "pjit",
            "pmap",
            "filter_jit",
            "filter_pmap",
        )

    @property
    def filters(self) -> bool:
        """Whether it leaves alone what is not an array, as Equinox's transformations do."""
        return self.qualified.startswith("equinox.")

    @property
    def takes_modules(self) -> bool:
        """Whether its arguments are often modules, as those of Flax NNX's transformations are."""
        return self.qualified.startswith("flax.nnx.")


class TraceContext(NamedTuple):
    """One layer of how a definition is traced, for hover and lenses."""

    transform: str
    function: str
    static: tuple[str, ...]
    donated: tuple[str, ...]
    node: ast.AST


def place(node: ast.AST) -> tuple[int, int, int, int]:
    """Where a node lies: no two nodes of a kind lie in one place."""
    return (
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", 0),
        getattr(node, "end_col_offset", 0),
    )


def root_of(place: str) -> str:
    """The name that a place begins with: `state` of `state.rng["a"]`."""
    return place.partition(".")[0].partition("[")[0]


class Home(NamedTuple):
    """Where an object lives that outlives the call which uses it."""

    category: str  # "global", "nonlocal", "self", "argument", "default", "module container", "environment"
    name: str  # of the name that holds it there
    certainty: Certainty = Certainty.YES
    environment: Environment | None = None  # of the enclosing function that holds it


OF_THE_CALLER = ("argument", "self", "default")
"""The categories of homes that are the caller's, unless an enclosing function holds them."""


@dataclass(slots=True)
class State:
    """What holds at one point of one path through a function. Copied where paths part."""

    names: dict[str, Value]
    consumed: Consumed
    conditions: tuple[Condition, ...] = ()
    dead: bool = False
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The attributes and elements of each name that are among the names."""
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    """Where the objects live that names of the function stand for, if it did not make them."""

    def hold(self, place: str, value: Value) -> None:
        """Give a value to a name, or to `self.key` and the like."""
        self.names[place] = value
        if "." in place or "[" in place:
            root = root_of(place)
            known = self.parts.get(root, ())
            if place not in known:
                self.parts[root] = (*known, place)

    def forget_parts(self, place: str) -> None:
        """Forget what the attributes and elements of a name or place hold."""
        root = root_of(place)
        known = self.parts.get(root)
        if known is None:
            return
        below = f"{place}.", f"{place}["
        gone = [part for part in known if part.startswith(below)]
        if not gone:
            return
        for part in gone:
            self.names.pop(part, None)
        if len(gone) < len(known):
            self.parts[root] = tuple([part for part in known if not part.startswith(below)])
        else:
            del self.parts[root]

    def copy(self) -> State:
        """The same for a path of its own."""
        return State(
            dict(self.names),
            dict(self.consumed),
            self.conditions,
            self.dead,
            dict(self.parts) if self.parts else {},
            dict(self.homes) if self.homes else {},
        )


def join_states(one: State, other: State) -> State:
    """What holds where two paths meet; a path that ended has no say."""
    if one.dead:
        return other
    if other.dead or one is other:
        return one
    names: dict[str, Value] = {}
    fresh, other_fresh = renewed(one, other), renewed(other, one)
    renewals, elsewhere = bool(fresh or other_fresh), other.names
    for name, value in one.names.items():
        there = elsewhere.get(name)
        if there is value and not renewals:
            names[name] = value
            continue
        if renewals and (name in fresh or name in other_fresh):
            value, there = fresh.get(name, value), other_fresh.get(name, there)
        if there is not None:
            names[name] = value if there is value else join(value, there)
        elif "." not in name and "[" not in name:
            names[name] = join(value, UNKNOWN)  # bound on one path only
    for name, value in elsewhere.items():
        if name not in names and "." not in name and "[" not in name:
            names[name] = join(value, UNKNOWN)
    conditions = common_conditions(one.conditions, other.conditions)
    consumed = join_consumed(one.consumed, other.consumed, one.conditions, other.conditions)
    if consumed:
        mark_replaced(consumed, (*replaced_keys(one, other), *replaced_keys(other, one)))
    parts = _join_parts(one.parts, other.parts)
    homes = join_homes(one.homes, other.homes)
    return State(names, consumed, conditions, parts=parts, homes=homes)


def _join_parts(
    one: dict[str, tuple[str, ...]], other: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    joined = dict(one)
    for root, parts in other.items():
        mine = one.get(root)
        if mine is None:
            joined[root] = parts
        elif mine != parts:
            joined[root] = tuple(dict.fromkeys((*mine, *parts)))
    return joined


def join_homes(one: dict[str, Home], other: dict[str, Home]) -> dict[str, Home]:
    """Where objects live that names stand for on two paths; on one path only: maybe."""
    if one == other:
        return dict(one)
    joined: dict[str, Home] = {}
    for name in (*one, *(n for n in other if n not in one)):
        first, second = one.get(name), other.get(name)
        home = first or second
        assert home is not None
        joined[name] = home if first == second else home._replace(certainty=Certainty.MAYBE)
    return joined


def replaced_keys(one: State, other: State) -> set[KeyToken]:
    """Keys that only the other path used up, and that no name holds there any more.

    Where the paths meet, a name that may hold such a key holds it from the path that did not use it up.
    """
    used = _used_only(other.consumed, one.consumed)
    return _held_elsewhere(used, one.names.values(), other.names.values()) if used else set()


def renewed(here: State, there: State) -> dict[str, Value]:
    """Names whose key the other path used up and replaced, though something else holds that key there.

    Where the paths meet, such a name holds a key that is as good as another one.
    """
    used = _used_only(there.consumed, here.consumed)
    found: dict[str, Value] = {}
    for name, value in here.names.items() if used else ():
        tokens = value.tokens
        if not tokens or tokens.isdisjoint(used):
            continue
        other = there.names.get(name)
        if other is None or not other.tokens or not tokens.isdisjoint(other.tokens):
            continue
        apart = [forward(t, ("apart",), t.node, t.name) if t in used else t for t in tokens]
        known = some_of(value)
        made = Value(
            known.kind,
            known.traced,
            known.origin,
            concrete=known.concrete,
            data=known.data,
            tokens=frozenset(apart),
        )
        found[name] = or_none(made) if value.optional else made
    return found


def _used_only(there: Consumed, here: Consumed) -> list[KeyToken]:
    """The keys that are used up on one path and not on the other, as far as those who hold them know."""
    if there is here:
        return []
    found: list[KeyToken] = []
    for token, use in there.items():
        if not use.replaced:
            other = here.get(token)
            if other is None or other.replaced:
                found.append(token)
    return found


def _held_elsewhere(
    used: list[KeyToken], here: Iterable[Value], there: Iterable[Value]
) -> set[KeyToken]:
    """Of keys that are used up on the other path those that only the values on this one hold."""
    mine = {token for value in here for token in tokens_in(value)}
    others = {token for value in there for token in tokens_in(value)}
    return {
        token
        for token in used
        if not mine.isdisjoint(token.lineage()) and others.isdisjoint(token.lineage())
    }


def mark_replaced(consumed: Consumed, tokens: Iterable[KeyToken]) -> None:
    """Note that the paths that used these keys up go on with other ones."""
    for token in tokens:
        use = consumed.get(token)
        if use is not None:
            consumed[token] = use._replace(replaced=True)


def join_results(one: Consumed, first: Value, other: Consumed, second: Value) -> Consumed:
    """What is used up after two ways to a result: a key that one used up and replaced in it is renewed."""
    consumed = join_consumed(one, other)
    for mine, here, others, there in ((one, first, other, second), (other, second, one, first)):
        used = _used_only(others, mine)
        if used:
            mark_replaced(consumed, _held_elsewhere(used, (here,), (there,)))
    return consumed


class Environment:
    """The names of one running function, and where else to look; a closure keeps it."""

    __slots__ = ("parent", "scope", "state")

    def __init__(
        self, parent: Environment | None, state: State, scope: FunctionScope | None = None
    ) -> None:
        self.parent = parent
        self.state = state
        self.scope = scope  # of the function; None for the module and the body of a class


@dataclass(eq=False)
class Frame:
    """One run of a function (or of the module): what traces it, and who called it from where."""

    node: ast.AST
    name: str
    environment: Environment
    caller: Frame | None
    call: ast.AST | None
    transformations: tuple[Transformation, ...] = ()  # of this call, innermost first
    abstract: bool = False
    constants_traced: bool = False
    concrete: bool = False  # under plain `grad` or `jvp`
    hot: bool = False  # called from a loop
    depth: int = 0
    module: Any = None  # whose code it is: a `Module`
    task: Any = None  # the activation that it is the whole of
    loops: Passes = ()
    returned: Value | None = None
    returned_consumed: Consumed | None = None
    guards: tuple[str, ...] = ()  # why a failure here may be meant: "try", "tracer", "version"
    tracer: str = ""  # the transformation that makes the tracers here, by qualified name
    compiled: bool = False  # whether it is compiled, or a part of what is
    incoming: tuple[Any, ...] = ()  # the places in another file that lead to what runs in it
    stopped: bool = False  # whether a path ended in a call that is under way
    mark: object = field(default_factory=object)
    """Stands for the frame where something must not hold it."""
    effects: dict[object, EffectSeen] = field(default_factory=dict[object, "EffectSeen"])
    callees: dict[Any, int] = field(default_factory=dict[Any, int])
    """The functions it called, frames or activations, each after how many effects of its own."""
    breaks: list[list[State]] = field(default_factory=list[list[State]])
    continues: list[list[State]] = field(default_factory=list[list[State]])

    @property
    def state(self) -> State:
        """What holds now."""
        return self.environment.state

    @state.setter
    def state(self, state: State) -> None:
        self.environment.state = state

    @property
    def traced(self) -> bool:
        """Whether the function runs on tracers."""
        return self.abstract or self.concrete

    @property
    def scope(self) -> FunctionScope | None:
        """The function that runs; None for the module's own code and the body of a class."""
        return self.environment.scope

    @property
    def is_test(self) -> bool:
        """Whether it is a test, or runs in one."""
        return any(f.name.startswith("test") or "test" in f.guards for f in self.chain())

    @property
    def eager(self) -> bool:
        """Whether nothing but `shard_map` traces it: without `jit` that runs at once, on what can be shown."""
        applied = [e for frame in self.chain() for e in frame.transformations if e.abstract]
        return bool(applied) and all(each.qualified.endswith("shard_map") for each in applied)

    @property
    def tracing(self) -> Transformation | None:
        """The innermost transformation that traces exactly this run of the function."""
        for transformation in self.transformations:
            if transformation.mode in ("abstract", "concrete", "kernel"):
                return transformation
        return None

    def effects_on_arguments(self) -> list[EffectSeen]:
        """What the call did to what its caller passed it, and what is the caller's own."""
        if not self.effects or self.tracing is not None:
            return []
        return [
            seen
            for seen in self.effects.values()
            if seen.home.category in OF_THE_CALLER
            and seen.home.environment is None
            and not seen.why.startswith("made in `")
        ]

    def chain(self) -> Iterator[Frame]:
        """This frame and its callers, the innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.caller

    def leave(self, value: Value) -> None:
        """A `return`: this path ends here."""
        before, state = self.returned_consumed, self.state
        if before is None or self.returned is None:
            self.returned, self.returned_consumed = value, state.consumed
        else:  # what is used up on a path that returned still counts for the caller
            self.returned_consumed = join_results(before, self.returned, state.consumed, value)
            self.returned = join(self.returned, value)
        state.dead = True


class Summary(NamedTuple):
    """What a call of a function does to its caller: what it returns and which keys it uses up."""

    returned: Value
    parameters: dict[str, Value]  # with keys that stand for those of the arguments
    consumed: tuple[tuple[KeyToken, Consumption], ...]
    frame: Frame | None

    @property
    def mark(self) -> object:
        """What its own keys and its stand-ins for arguments' keys name as their owner."""
        return None if self.frame is None else self.frame.mark

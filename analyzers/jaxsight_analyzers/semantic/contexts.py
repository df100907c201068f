"""How code runs: frames, the transformations that trace them, and the chain that leads there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.keys import Consumed, Consumption, KeyToken, Passes
from jaxsight_analyzers.semantic.states import OF_THE_CALLER, Environment, State, join_results
from jaxsight_analyzers.semantic.values import Origin, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.donated import Donation
    from jaxsight_analyzers.semantic.events import EffectSeen
    from jaxsight_analyzers.semantic.linen_events import Need
    from jaxsight_analyzers.semantic.scopes import FunctionScope
    from jaxsight_analyzers.semantic.tasks import Activation


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
    axes: frozenset[str] | None = frozenset()  # the names it binds for collectives; None: not known
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
    def makes_rule(self) -> bool:
        """Whether it makes a function the rule of a derivative, which runs wherever that is taken: `f.defvjp(fwd, bwd)`."""
        owner, _, name = self.qualified.rpartition(".")
        return "custom_" in owner and name.startswith("def")

    @property
    def filters(self) -> bool:
        """Whether it leaves alone what is not an array, as Equinox's transformations do."""
        return self.qualified.startswith("equinox.")

    @property
    def takes_modules(self) -> bool:
        """Whether its arguments are often modules, as those of Flax NNX's transformations are."""
        return self.qualified.startswith("flax.nnx.")


def place(node: ast.AST) -> tuple[int, int, int, int]:
    """Where a node lies: no two nodes of a kind lie in one place."""
    return (
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", 0),
        getattr(node, "end_col_offset", 0),
    )


class Effects:
    """What a run of a function does that outlives it, and which functions it calls.

    The frame holds them while it runs, and then only who called it: each effect holds its frame.
    """

    __slots__ = ("callees", "frame", "seen")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.seen: dict[object, EffectSeen] = {}
        self.callees: dict[Effects | Activation, int] = {}
        """The functions it called, by their effects or activations, each after how many effects of its own."""

    def on_arguments(self) -> list[EffectSeen]:
        """What the call did to what its caller passed it, and what is the caller's own."""
        tracing = self.frame.tracing if self.seen else None
        if not self.seen or (tracing is not None and not tracing.takes_modules):
            return []
        return [
            seen
            for seen in self.seen.values()
            if (tracing is None or seen.how == "variable")  # which NNX hands back
            and seen.home.category in OF_THE_CALLER
            and seen.home.environment is None
            and not seen.why.startswith("made in `")
        ]


@dataclass(eq=False, slots=True)
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
    guards: tuple[
        str, ...
    ] = ()  # "try", "tracer", "raises", "version", "untraced", "missing", "cached", "handler", and what transformations mark: see `run.guards`
    tracer: str = ""  # the transformation that makes the tracers here, by qualified name
    compiled: bool = False  # whether it is compiled, or a part of what is
    incoming: tuple[Any, ...] = ()  # the places in another file that lead to what runs in it
    stopped: bool = False  # whether a path ended in a call that is under way
    differentiated: tuple[tuple[str, Origin | None], ...] = ()
    """The arguments by which it is differentiated in reverse, each with where its tracers come from."""
    mark: object = field(default_factory=object)
    """Stands for the frame where something must not hold it."""
    own_effects: Effects | None = None  # while it runs
    arguments: Mapping[str, Value] | None = None  # as it got them, while it runs
    donated: tuple[Donation, ...] = ()  # of these
    needs: dict[tuple[str, str], Need] | None = None  # what a module of Flax Linen needs to run
    linen_names: dict[str, ast.AST] | None = None  # of parts that a module of it gets, in this run
    applied: list[Need] | None = None  # while `apply` runs one: what that needs
    branching: int = 0  # how many branches deep it is, of which another one may be taken
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

    @property
    def effects(self) -> Effects:
        """What it does that outlives it, so far."""
        if self.own_effects is None:
            self.own_effects = Effects(self)
        return self.own_effects

    def end(self) -> Effects:
        """It has run: what it did, which it holds no longer."""
        effects, self.own_effects = self.effects, None
        self.arguments, self.donated, self.needs, self.linen_names = None, (), None, None
        self.returned = self.returned_consumed = None
        return effects

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
    effects: Effects | None
    donated: tuple[
        Donation, ...
    ] = ()  # arguments of it whose memory it gives to compiled functions
    needs: tuple[Need, ...] = ()  # what a module of Flax Linen needs of who applies it

    @property
    def frame(self) -> Frame | None:
        """The run that it tells of."""
        return None if self.effects is None else self.effects.frame

    @property
    def mark(self) -> object:
        """What its own keys and its stand-ins for arguments' keys name as their owner."""
        return None if self.effects is None else self.effects.frame.mark

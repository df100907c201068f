"""What an expression may be when it runs: the values of the abstract interpretation.

A value says what kind of thing it is, whether it is a tracer, and, where it matters, what it is
made of. Values are immutable and compared by identity. `traced` has a certainty: `MAYBE` means "a
tracer on some path, or if an argument is what it usually is".
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass, fields
from jaxsight_analyzers.diagnostic import Certainty

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Transformation
    from jaxsight_analyzers.semantic.donated import Donation
    from jaxsight_analyzers.semantic.keys import KeyToken, Passes
    from jaxsight_analyzers.semantic.parameters import FunctionNode
    from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
    from jaxsight_analyzers.semantic.states import Environment


class Kind(Enum):
    """What a value is."""

    UNKNOWN = "unknown"
    STATIC = "static"  # a Python value that tracing leaves alone: a number, a shape, None, a dtype
    ARRAY = "array"  # a JAX array
    HOST = "host array"  # a NumPy array
    KEY = "key"  # one PRNG key
    KEYS = "keys"  # an array of keys
    REFERENCE = "reference"  # to mutable memory: an argument of a Pallas kernel, a `jax.Ref`
    TREE = "pytree"  # an array or a container of arrays, such as an unannotated traced argument
    SEQUENCE = "sequence"  # a tuple or list whose items are known
    SERIES = "series"  # a list, tuple or set of any length whose items are alike
    MAPPING = "mapping"  # a dict literal with constant keys
    FUNCTION = "function"  # defined in this file, perhaps transformed
    CLASS = "class"  # defined in this file
    INSTANCE = "instance"  # of a class defined in this file
    IMPORTED = "imported"  # a module, function or class of a library, by qualified name
    MODULE = "module"  # of the workspace
    CALLABLE = "callable"  # what a library's transformation made of something unknown

    __hash__ = object.__hash__  # members are compared by identity: `Enum` hashes their names


class Reexported(str):
    """The qualified name of a library's thing that a file of the workspace hands on."""

    __slots__ = ()


class Origin(NamedTuple):
    """Where a tracer comes from: the parameter that first held it, or what made it of values that are none."""

    name: str
    node: ast.AST
    made: tuple[ast.AST, ...] = ()
    """The calls of `jnp` that made it of what is no tracer, the last one first."""


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands for "no constant is known", since None is a constant."""


class Value:
    """One abstract value. `data` depends on the kind; see the constructors below."""

    __slots__ = ("concrete", "data", "kind", "origin", "tokens", "traced")
    optional = False
    """Whether it may be None instead: see `OptionalValue`."""
    donated: Donation | None = None
    """The call that was given its memory: see `DonatedValue`."""
    model: FunctionData | None = None
    """The function that it runs as a model, and what it was made with: see `PredictiveValue`."""
    given: str | None = None
    """The type of the Python number that callers pass where a tracer stands for it: see `GivenValue`."""

    def __init__(
        self,
        kind: Kind,
        traced: Certainty = Certainty.NO,
        origin: Origin | None = None,
        *,
        concrete: bool = False,
        data: object = None,
        tokens: frozenset[KeyToken] | None = None,
    ) -> None:
        self.kind = kind
        self.traced = traced
        self.origin = origin
        self.concrete = concrete
        """Whether the tracer carries a value (plain `grad`, `jvp`), so that `bool()` of it works."""
        self.data = data
        self.tokens = tokens
        """The keys this may be; more than one means that it depends on the path."""

    def __repr__(self) -> str:
        return f"<{self.traced.name} {self.kind.value}>"


class OptionalValue(Value):
    """Something or None. But for tests of that it is taken for `some`: with None the rest fails."""

    __slots__ = ("some",)
    optional = True

    def __init__(self, some: Value) -> None:
        traced = min(some.traced, Certainty.MAYBE)
        super().__init__(
            some.kind,
            traced,
            some.origin,
            concrete=some.concrete,
            data=some.data,
            tokens=some.tokens,
        )
        self.some = some


class GivenValue(Value):
    """A tracer for which callers pass a Python number: Python could decide by it if it were static."""

    __slots__ = ("given",)

    def __init__(self, tracer: Value, type_name: str) -> None:
        super().__init__(
            tracer.kind,
            tracer.traced,
            tracer.origin,
            concrete=tracer.concrete,
            tokens=tracer.tokens,
        )
        self.given = type_name


class PredictiveValue(Value):
    """What draws from a model when it is called: `Predictive(model, samples)`."""

    __slots__ = ("keeps", "model")

    def __init__(self, data: object, model: FunctionData, keeps: bool) -> None:
        super().__init__(Kind.CALLABLE, data=data)
        self.model = model
        self.keeps = keeps  # whether observed values may be what it is asked for


@dataclass(frozen=True, slots=True, eq=False)
class FunctionData:
    """A function of a file as a value: its definition, what it closes over, what wraps it."""

    scope: FunctionScope
    environment: Environment | None = None
    self_value: Value | None = None
    bound: tuple[Value, ...] = ()
    bound_names: tuple[tuple[str, Value], ...] = ()
    transformations: tuple[Transformation, ...] = ()  # innermost first
    what: str = ""  # "partial", "bound method" or "wrapped", where it is made of another function
    made_in: object = None  # the mark of the frame where the object was made, and in which loops
    passes: Passes = ()
    # Under a decorator that is not known: it runs, and what comes back is unknown.
    veiled: bool = False

    @property
    def node(self) -> FunctionNode:
        """Its definition as the text has it now."""
        return self.scope.node

    @property
    def name(self) -> str:
        """Its name."""
        return self.scope.name

    @property
    def qualname(self) -> str:
        """Its name with those of what it stands in."""
        return self.scope.qualname

    def is_same(self, other: FunctionData) -> bool:
        """Whether it is the same function, though perhaps looked up another time."""
        return self is other or all(
            getattr(self, one.name) == getattr(other, one.name) for one in fields(FunctionData)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The fields of an instance: of a NamedTuple, of a dataclass, of what `namedtuple()` makes."""

    owner: ClassScope | None
    names: tuple[str, ...]
    values: tuple[Value, ...] = ()
    is_tuple: bool = False
    is_pytree: bool = True  # whether JAX looks into it
    static: frozenset[str] = frozenset()  # the fields that transformations leave alone
    # Of a plain class: these are what its `__init__` is known to have set, among others.
    is_partial: bool = False
    is_module: bool = False  # of Flax Linen: nothing changes it

    def get(self, name: str) -> Value | None:
        """What a field holds."""
        return self.values[self.names.index(name)] if name in self.names else None


UNKNOWN = Value(Kind.UNKNOWN)
STATIC = Value(Kind.STATIC, data=MISSING)
NONE = Value(Kind.STATIC, data=None)
NAN = Value(Kind.STATIC, data=math.nan)
"""There is one, since `nan` is equal to nothing but, in a container, to itself."""
HOST = Value(Kind.HOST)
ARRAY = Value(Kind.ARRAY)
CALLABLE = Value(Kind.CALLABLE)
VARIABLES, PARAMETERS = "variables", "parameters"
"""What the data of a pytree say of it that `init` of a module made: all collections, or the parameters alone."""
NEVER = Value(Kind.UNKNOWN)
"""What a call that is under way returns, until there is more to say: it has no say where paths meet."""
_OPTIONAL = frozenset(
    (
        *(Kind.ARRAY, Kind.HOST, Kind.KEY, Kind.KEYS, Kind.TREE),
        *(Kind.SEQUENCE, Kind.MAPPING, Kind.SERIES, Kind.INSTANCE),
        *(Kind.FUNCTION, Kind.CALLABLE),
    )
)
"""What may be told from None later. Of modules and of what they hold the reason is often a missing version."""


def own(value: Value) -> Value:
    """The value as an object of its own where many names share one, so that each binding is told apart."""
    return Value(value.kind, data=value.data) if value in (STATIC, UNKNOWN, HOST, ARRAY) else value


def with_data(value: Value, data: object) -> Value:
    """A value like another, of other data."""
    return Value(
        value.kind,
        value.traced,
        value.origin,
        concrete=value.concrete,
        data=data,
        tokens=value.tokens,
    )


def constant(value: object) -> Value:
    """A Python constant."""
    return NONE if value is None else Value(Kind.STATIC, data=value)


def some_of(value: Value) -> Value:
    """The value where it is not None."""
    return value.some if isinstance(value, OptionalValue) else value


def or_none(value: Value) -> Value:
    """The value or None."""
    is_plain = value.kind is Kind.UNKNOWN and value.data is None
    if value.optional or (is_plain and value.traced is not Certainty.YES):
        return value
    if value.kind in _OPTIONAL:
        return OptionalValue(value)
    if value.kind is Kind.STATIC:
        return NONE if value.data is None else own(STATIC)
    return Value(
        Kind.UNKNOWN,
        min(value.traced, Certainty.MAYBE),
        value.origin,
        concrete=value.concrete,
        tokens=value.tokens,
    )


def tracer(kind: Kind, like: Value) -> Value:
    """A value of a kind, traced as another is."""
    if like.traced is Certainty.NO:
        return ARRAY if kind is Kind.ARRAY else Value(kind)
    return Value(kind, like.traced, like.origin, concrete=like.concrete)


def given(value: Value, type_name: str | None) -> Value:
    """The same tracer of an array, of which is known that callers pass a Python number for it."""
    if type_name is None or value.kind is not Kind.ARRAY:
        return value
    return GivenValue(value, type_name)


# What `data` holds follows from the kind, which a type checker cannot see: hence the ignores below.


def record_of(value: Value) -> Record | None:
    """The fields of an instance, where they are known."""
    data = value.data
    return data if isinstance(data, Record) else None


def function_of(value: Value) -> FunctionData | None:
    """The function that a value is."""
    return value.data if value.kind is Kind.FUNCTION else None  # type: ignore[return-value]


def class_of(value: Value) -> ClassScope | None:
    """The class that a value is, or is an instance of."""
    if value.kind is Kind.CLASS or value.kind is Kind.INSTANCE:
        data = value.data
        return data.owner if isinstance(data, Record) else data  # type: ignore[return-value]
    return None


def qualified_of(value: Value) -> str | None:
    """The qualified name of something imported."""
    return value.data if value.kind is Kind.IMPORTED else None  # type: ignore[return-value]


def constant_of(value: Value) -> object:
    """The constant that a value is, or `MISSING`."""
    return value.data if value.kind is Kind.STATIC else MISSING


def most_traced(values: Iterable[Value]) -> Value:
    """The value that decides whether a result is traced: the surest, then the most abstract."""
    best = STATIC
    for value in values:
        if value.traced > best.traced or (
            value.traced is best.traced
            and (
                (best.concrete and not value.concrete)
                or (best.origin is not None and best.origin.made and not is_made(value))
            )
        ):
            best = value
    return best


def is_made(value: Value) -> bool:
    """Whether a tracer is one only because `jnp` made it of values that are none."""
    return value.origin is not None and bool(value.origin.made)


def truth_of(value: Value) -> bool | None:
    """What `if value` does, where that is known without running anything."""
    if value.optional:
        return truth_of(some_of(value)) and None
    if value.kind is Kind.STATIC and value.data is not MISSING:
        return bool(value.data)
    if value.kind in (Kind.FUNCTION, Kind.CLASS):
        return True
    if value.kind is Kind.SEQUENCE:
        return bool(value.data)
    if value.kind is Kind.MAPPING:
        return bool(value.data) or None  # an empty one may be filled elsewhere
    return None

"""What an expression may be when it runs: the values of the abstract interpretation.

A value says what kind of thing it is, whether it is a tracer, and, where it matters, what it is
made of. Values are immutable and compared by identity. `traced` has a certainty: `MAYBE` means "a
tracer on some path, or if an argument is what it usually is".
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.keys import any_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Environment, Transformation
    from jaxsight_analyzers.semantic.keys import KeyToken, Passes
    from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionNode, FunctionScope


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
    """Where a tracer comes from: the parameter that first held it."""

    name: str
    node: ast.AST


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands for "no constant is known", since None is a constant."""


class Value:
    """One abstract value. `data` depends on the kind; see the constructors below."""

    __slots__ = ("concrete", "data", "kind", "origin", "tokens", "traced")

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
        return f"<{describe(self)}>"


@dataclass(frozen=True, slots=True, eq=False)
class FunctionData:
    """A function of a file as a value: its definition, what it closes over, what wraps it."""

    scope: FunctionScope
    environment: Environment | None = None
    self_value: Value | None = None
    bound: tuple[Value, ...] = ()
    bound_names: tuple[tuple[str, Value], ...] = ()
    transformations: tuple[Transformation, ...] = ()  # innermost first
    what: str = ""  # "partial" or "bound method", where it is made of another function
    made_in: object = None  # the mark of the frame where the object was made, and in which loops
    passes: Passes = ()

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


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The fields of an instance: of a NamedTuple, of a dataclass, of what `namedtuple()` makes."""

    owner: ClassScope | None
    names: tuple[str, ...]
    values: tuple[Value, ...] = ()
    is_tuple: bool = False
    is_pytree: bool = True  # whether JAX looks into it
    static: frozenset[str] = frozenset()  # the fields that transformations leave alone

    def get(self, name: str) -> Value | None:
        """What a field holds."""
        return self.values[self.names.index(name)] if name in self.names else None


_MOST_ITEMS = 512
_MOST_LEVELS = 16

UNKNOWN = Value(Kind.UNKNOWN)
STATIC = Value(Kind.STATIC, data=MISSING)
NONE = Value(Kind.STATIC, data=None)
HOST = Value(Kind.HOST)
ARRAY = Value(Kind.ARRAY)
CALLABLE = Value(Kind.CALLABLE)
NEVER = Value(Kind.UNKNOWN)
"""What a call that is under way returns, until there is more to say: it has no say where paths meet."""


def own(value: Value) -> Value:
    """The value as an object of its own where many names share one, so that each binding is told apart."""
    return Value(value.kind, data=value.data) if value in (STATIC, UNKNOWN, HOST, ARRAY) else value


def constant(value: object) -> Value:
    """A Python constant."""
    return NONE if value is None else Value(Kind.STATIC, data=value)


def tracer(kind: Kind, like: Value) -> Value:
    """A value of a kind, traced as another is."""
    if like.traced is Certainty.NO:
        return ARRAY if kind is Kind.ARRAY else Value(kind)
    return Value(kind, like.traced, like.origin, concrete=like.concrete)


def sequence(items: Iterable[Value]) -> Value:
    """A tuple or list with known items; traced as the most traced of them."""
    known = tuple(items)
    most = most_traced(known)
    if _too_big(known):
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return Value(Kind.SEQUENCE, most.traced, most.origin, concrete=most.concrete, data=known)


def mapping(items: Mapping[object, Value]) -> Value:
    """A dict with known constant keys."""
    most = most_traced(items.values())
    if _too_big(items.values()):
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return Value(Kind.MAPPING, most.traced, most.origin, concrete=most.concrete, data=dict(items))


def series(item: Value) -> Value:
    """A list, tuple or set of any length; `NEVER` is the item of an empty one. Its keys are not followed."""
    item = unfollowed(item)
    if _too_big((item,)):
        return Value(Kind.TREE, item.traced, item.origin, concrete=item.concrete)
    return Value(Kind.SERIES, item.traced, item.origin, concrete=item.concrete, data=item)


def record(like: Record, values: Iterable[Value]) -> Value:
    """An instance with these values in the fields of a record."""
    known = tuple(values)
    most = most_traced(known) if like.is_pytree else STATIC
    data: object = like.owner
    if like.owner is None or not _too_big(known):
        data = Record(like.owner, like.names, known, like.is_tuple, like.is_pytree, like.static)
    return Value(Kind.INSTANCE, most.traced, most.origin, concrete=most.concrete, data=data)


_CONTAINERS = (Kind.SEQUENCE, Kind.MAPPING, Kind.SERIES, Kind.INSTANCE)


def _too_big(items: Iterable[Value]) -> bool:
    """Whether containers hold more than can be walked at each call, or lie too deep in each other.

    What is shared counts as often as it is reached: that is how often a walk sees it.
    """
    level = [item for item in items if item.kind in _CONTAINERS]
    count = depth = 0
    while level:
        inner: list[Value] = []
        for value in level:
            for item in parts_of(value) or ():
                count += 1
                if item.kind in _CONTAINERS:
                    inner.append(item)
            if count > _MOST_ITEMS:
                return True
        depth += 1
        if depth > _MOST_LEVELS:
            return True
        level = inner
    return False


# What `data` holds follows from the kind, which a type checker cannot see: hence the ignores below.


def items_of(value: Value) -> tuple[Value, ...] | None:
    """The items of a sequence, or of a named tuple, whose items are known."""
    if value.kind is Kind.SEQUENCE:
        return value.data  # type: ignore[return-value]
    if value.kind is Kind.INSTANCE:
        found = record_of(value)
        return found.values if found is not None and found.is_tuple else None
    return None


def record_of(value: Value) -> Record | None:
    """The fields of an instance, where they are known."""
    data = value.data
    return data if isinstance(data, Record) else None


def item_of_series(value: Value) -> Value | None:
    """What each item of a series is."""
    return value.data if value.kind is Kind.SERIES else None  # type: ignore[return-value]


def parts_of(value: Value) -> tuple[Value, ...] | None:
    """What a container is made of; None for what is no container of known parts."""
    kind, data = value.kind, value.data
    if kind is Kind.SEQUENCE:
        return data  # type: ignore[return-value]
    if kind is Kind.MAPPING:
        return tuple(data.values())  # type: ignore[attr-defined]
    if kind is Kind.SERIES:
        return (data,)  # type: ignore[return-value]
    if kind is Kind.INSTANCE and isinstance(data, Record):
        return data.values
    return None


def rebuilt(value: Value, change: Callable[[Value], Value]) -> Value | None:
    """A container with each part changed; None for what is no container of known parts."""
    kind, data = value.kind, value.data
    if kind is Kind.SEQUENCE:
        return sequence([change(item) for item in data])  # type: ignore[attr-defined]
    if kind is Kind.MAPPING:
        return mapping({key: change(item) for key, item in data.items()})  # type: ignore[attr-defined]
    if kind is Kind.SERIES:
        return value if data is NEVER else series(change(data))  # type: ignore[arg-type]
    if kind is Kind.INSTANCE and isinstance(data, Record):
        return record(data, [change(item) for item in data.values])
    return None


def unfollowed(value: Value) -> Value:
    """The same without its keys, where nobody can tell any more which they are."""
    made = rebuilt(value, unfollowed)
    if made is not None:
        return made
    if not value.tokens:
        return value
    return Value(value.kind, value.traced, value.origin, concrete=value.concrete, data=value.data)


def entries_of(value: Value) -> dict[object, Value] | None:
    """The entries of a mapping whose keys are known."""
    return value.data if value.kind is Kind.MAPPING else None  # type: ignore[return-value]


def function_of(value: Value) -> FunctionData | None:
    """The function that a value is."""
    return value.data if value.kind is Kind.FUNCTION else None  # type: ignore[return-value]


def tokens_in(value: Value) -> list[KeyToken]:
    """The keys that a value may be or hold."""
    found = list(value.tokens or ())
    for item in parts_of(value) or ():
        found.extend(tokens_in(item))
    return found


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
            value.traced is best.traced and best.concrete and not value.concrete
        ):
            best = value
    return best


def truth_of(value: Value) -> bool | None:
    """What `if value` does, where that is known without running anything."""
    if value.kind is Kind.STATIC and value.data is not MISSING:
        return bool(value.data)
    if value.kind in (Kind.FUNCTION, Kind.CLASS):
        return True
    if value.kind is Kind.SEQUENCE:
        return bool(value.data)
    if value.kind is Kind.MAPPING:
        return bool(value.data) or None  # an empty one may be filled elsewhere
    return None


def join(one: Value, other: Value) -> Value:
    """What is left to say where two paths meet."""
    if one is other or other is NEVER:
        return one
    if one is NEVER:
        return other
    if one.kind is Kind.STATIC and other.kind is Kind.STATIC:
        same = one.data is not MISSING and other.data is not MISSING and _same(one.data, other.data)
        return one if same else own(STATIC)
    kind = one.kind if one.kind is other.kind else _common_kind(one.kind, other.kind)
    most = most_traced((one, other))
    traced = most.traced if one.traced is other.traced else Certainty.MAYBE
    tokens = _union(one.tokens, other.tokens)
    data: object = None
    if kind is Kind.SERIES or (kind is Kind.SEQUENCE and _lengths_differ(one, other)):
        return _joined_series(one, other)
    if kind in (
        Kind.SEQUENCE,
        Kind.MAPPING,
        Kind.FUNCTION,
        Kind.CLASS,
        Kind.INSTANCE,
        Kind.IMPORTED,
        Kind.MODULE,
    ):
        joined = _join_data(kind, one, other)
        if joined is None:
            kind = Kind.TREE if kind in (Kind.SEQUENCE, Kind.MAPPING) else Kind.UNKNOWN
        data = joined
    return Value(kind, traced, most.origin, concrete=most.concrete, data=data, tokens=tokens)


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


_WRITTEN_OUT = {Kind.TREE, Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING}


def _common_kind(one: Kind, other: Kind) -> Kind:
    numbers = {Kind.STATIC, Kind.ARRAY}
    if {one, other} == numbers:
        return Kind.ARRAY  # `total = 0`, then `total = total + x`
    if {one, other} == {Kind.SEQUENCE, Kind.SERIES}:
        return Kind.SERIES
    if Kind.TREE in (one, other) and {one, other} <= _WRITTEN_OUT:
        return Kind.TREE
    if {one, other} == {Kind.KEY, Kind.ARRAY}:
        return Kind.KEY
    return Kind.UNKNOWN


def join_all(values: Iterable[Value]) -> Value:
    """What is left to say of one of several values; `NEVER` for none."""
    found = NEVER
    for value in values:
        found = join(found, value)
    return found


def _lengths_differ(one: Value, other: Value) -> bool:
    return len(items_of(one) or ()) != len(items_of(other) or ())


def _joined_series(one: Value, other: Value) -> Value:
    made = series(join_all([*(parts_of(one) or ()), *(parts_of(other) or ())]))
    if one.traced is other.traced:
        return made
    return Value(  # on one path there is nothing in it
        made.kind, Certainty.MAYBE, made.origin, concrete=made.concrete, data=made.data
    )


def _join_data(kind: Kind, one: Value, other: Value) -> object:
    if kind is Kind.SEQUENCE:
        first, second = items_of(one) or (), items_of(other) or ()
        return tuple(join(a, b) for a, b in zip(first, second))
    if kind is Kind.INSTANCE:
        return _join_records(one, other)
    if kind is Kind.MAPPING:
        left, right = entries_of(one) or {}, entries_of(other) or {}
        if left.keys() == right.keys():
            return {key: join(value, right[key]) for key, value in left.items()}
        return None
    if kind is Kind.FUNCTION:
        return one.data if function_of(one) is function_of(other) else None
    return one.data if one.data == other.data else None


def _join_records(one: Value, other: Value) -> object:
    first, second = record_of(one), record_of(other)
    owner = class_of(one)
    if first is not None and second is not None and first.names == second.names:
        if owner is class_of(other):
            joined = [join(a, b) for a, b in zip(first.values, second.values)]
            return record(first, joined).data
        return None
    return owner if owner is class_of(other) else None


def _union(
    one: frozenset[KeyToken] | None, other: frozenset[KeyToken] | None
) -> frozenset[KeyToken] | None:
    if one is None or other is None:
        return one or other
    return any_of(one | other)


def describe(value: Value) -> str:
    """A value in words, for the specifications of the model."""
    words: list[str] = []
    if value.traced is not Certainty.NO:
        words.append("traced" if value.traced is Certainty.YES else "maybe traced")
        if value.concrete:
            words.append("with a concrete value")
    name = value.kind.value
    if value.kind is Kind.STATIC and value.data is not MISSING:
        name = f"static {value.data!r}"
    elif value.kind is Kind.IMPORTED:
        name = f"imported {value.data}"
    elif value.kind is Kind.MODULE:
        name = f"module {value.data.name}"  # type: ignore[attr-defined]
    elif value.kind is Kind.SEQUENCE:
        name = f"({', '.join(describe(item) for item in items_of(value) or ())})"
    elif value.kind is Kind.SERIES:
        name = "[]" if value.data is NEVER else f"[{describe(value.data)}, ...]"  # type: ignore[arg-type]
    elif value.kind is Kind.MAPPING:
        entries = entries_of(value) or {}
        name = "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in entries.items()) + "}"
    elif (function := function_of(value)) is not None:
        names = [function.qualname, *(t.qualified for t in function.transformations)]
        name = " < ".join(names)
    words.append(name)
    return " ".join(words)

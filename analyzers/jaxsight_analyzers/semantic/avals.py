"""The dtype and shape of arrays, where the text says them: `Value.data` of an array is an `Aval` or None.

An aval says what is certain. What a caller passes loses it (`without`), so that a function does not run
anew for each dtype; what it makes itself keeps it. `float`, `int` and `complex` stand for the default
precision, which is 32 or 64 bits by a setting. The promotion of dtypes is that of JAX's lattice
(https://docs.jax.dev/en/latest/type_promotion.html), as far as it is needed; else the dtype is unknown.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.structures import items_of, parts_of, rebuilt
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of, qualified_of

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

Shape = tuple["int | None", ...]

_ARRAYS = (Kind.ARRAY, Kind.HOST)
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_DTYPES = frozenset(
    (
        *("bool", "int", "float", "complex", "complex64", "complex128", *_FLOATS),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (4, 8, 16, 32, 64)),
        *("float8_e4m3fn", "float8_e5m2"),
    )
)
_OTHER_NAMES = {"bool_": "bool", "float_": "float", "int_": "int", "half": "float16"}
_DEFAULTS = {"float64": "float", "int64": "int", "complex128": "complex"}
"""What NumPy's dtypes become in JAX."""
_KINDS = ("bool", "integer", "float", "complex")


class Aval(NamedTuple):
    """What is known of an array. `weak` says that its dtype yields, as that of a Python number does.

    `flat` says that its derivative is zero by whatever it is made of: steps, signs, orders, constants.
    `made` says what it is, such as `softmax`: see `knowledge/jax_results.toml`.
    """

    dtype: str | None = None
    shape: Shape | None = None
    weak: bool = False
    flat: bool = False
    made: str | None = None

    @property
    def is_flat(self) -> bool:
        """Whether no derivative goes through it; none goes through integers."""
        return self.flat or kind_of(self.dtype) in ("bool", "integer")


NOTHING = Aval()


def aval_of(value: Value) -> Aval | None:
    """What is known of an array, or of a number or list of numbers as an array."""
    if value.kind in _ARRAYS:
        return value.data if isinstance(value.data, Aval) else None
    number = constant_of(value)
    if isinstance(number, (bool, int, float, complex)):
        return Aval(type(number).__name__, (), not isinstance(number, bool), flat=True)
    return None


def with_aval(value: Value, aval: Aval | None) -> Value:
    """The array, known better; what is no array stays as it is."""
    if aval is None or aval == NOTHING or value.kind not in _ARRAYS:
        return value
    return Value(
        value.kind,
        value.traced,
        value.origin,
        concrete=value.concrete,
        data=aval,
        tokens=value.tokens,
    )


def without(value: Value) -> Value:
    """An array as its callee sees it; in containers its aval stays, and tells runs apart."""
    if value.kind not in _ARRAYS or value.data is None:
        return value
    return Value(
        value.kind, value.traced, value.origin, concrete=value.concrete, tokens=value.tokens
    )


def of_any_shape(value: Value) -> Value:
    """An array of which only the dtype is known."""
    known = aval_of(value)
    if value.kind not in _ARRAYS or known is None or known.shape is None:
        return value
    return with_aval(without(value), known._replace(shape=None))


def as_carried(inside: Value, given: Value) -> Value:
    """What a loop carries as its body sees it: of the dtype and shape that it starts with and has to keep.

    A weak dtype may become another one.
    """
    parts, others = parts_of(inside), parts_of(given)
    if parts is not None and others is not None and len(parts) == len(others):
        remaining = iter(others)
        return rebuilt(inside, lambda part: as_carried(part, next(remaining))) or inside
    known = aval_of(given)
    if known is None:
        return inside
    dtype = _DEFAULTS.get(str(known.dtype), known.dtype) if given.kind is Kind.HOST else known.dtype
    return with_aval(inside, Aval(None if known.weak else dtype, known.shape))


def of_step(xs: Value) -> Aval | None:
    """What a body gets of an array in each step."""
    known = aval_of(xs)
    if known is None or xs.kind not in _ARRAYS:
        return None
    return Aval(known.dtype, known.shape[1:] if known.shape else None, known.weak)


def joined(one: object, other: object) -> Aval | None:
    """What is left to say of an array where two paths meet."""
    if not isinstance(one, Aval) or not isinstance(other, Aval):
        return None
    if one == other:
        return one
    shape = _same_shape(one.shape, other.shape)
    dtype = one.dtype if one.dtype == other.dtype else None
    made = Aval(dtype, shape, one.weak and other.weak, one.is_flat and other.is_flat)
    return None if made == NOTHING else made


def _same_shape(one: Shape | None, other: Shape | None) -> Shape | None:
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple([a if a == b else None for a, b in zip(one, other)])


# Dtypes


def kind_of(dtype: str | None) -> str | None:
    """`bool`, `integer`, `float` or `complex`."""
    if dtype is None:
        return None
    if dtype == "bool":
        return "bool"
    if "int" in dtype:
        return "integer"
    return "complex" if dtype.startswith("complex") else "float"


def dtype_of(run: Run, value: Value, node: ast.expr | None = None) -> str | None:
    """The dtype that an argument names: `jnp.float32`, `"float32"`, `float`, `x.dtype`."""
    name = qualified_of(value)
    if name is None:
        held = constant_of(value)
        name = held if isinstance(held, str) else None
    if name is not None:
        name = name.rpartition(".")[2]
        name = _OTHER_NAMES.get(name, name)
        return name if name in _DTYPES else None
    if not isinstance(node, ast.Attribute) or node.attr != "dtype":
        return None
    if not isinstance(node.value, ast.Name):
        return None
    found = aval_of(run.lookup(node.value.id))
    return None if found is None else found.dtype


@cache
def promoted(one: Aval, other: Aval) -> tuple[str | None, bool]:
    """The dtype of a result of two arrays, and whether it is weak."""
    if one.weak and not other.weak:
        one, other = other, one
    if one.dtype is None or other.dtype is None:
        return None, False
    first, second = kind_of(one.dtype), kind_of(other.dtype)
    if other.weak and not one.weak:
        if _KINDS.index(str(second)) <= _KINDS.index(str(first)):
            return one.dtype, False
        return other.dtype, True
    weak = one.weak and other.weak
    if one.dtype == other.dtype:
        return one.dtype, weak
    if first != second:
        wider = one if _KINDS.index(str(first)) > _KINDS.index(str(second)) else other
        return (None if wider.dtype == "complex64" else wider.dtype), weak
    return _wider(one.dtype, other.dtype), weak


def _wider(one: str, other: str) -> str | None:
    """Of two strong dtypes of one kind the one that holds both; None where JAX's answer is a third."""
    for order in (
        ("float16", "float32", "float64"),
        ("bfloat16", "float32", "float64"),
        ("float16", "float", "float64"),
        ("bfloat16", "float", "float64"),
        ("int8", "int16", "int32", "int64"),
        ("uint8", "uint16", "uint32", "uint64"),
    ):
        if one in order and other in order:
            return max(one, other, key=order.index)
    return None


# Operators


def of_operator(operator: ast.operator, left: Value, right: Value) -> Aval | None:
    """What `left operator right` is."""
    one, other = aval_of(left), aval_of(right)
    if one is None or other is None:
        return None
    if Kind.ARRAY in (left.kind, right.kind):
        one, other = _in_jax(left, one), _in_jax(right, other)
    dtype, weak = promoted(one, other)
    if isinstance(operator, ast.Div) and kind_of(dtype) in ("bool", "integer"):
        dtype = "float"
    shape = None if isinstance(operator, ast.MatMult) else broadcast(one.shape, other.shape)
    return Aval(dtype, shape, weak, one.is_flat and other.is_flat)


def _in_jax(value: Value, aval: Aval) -> Aval:
    """What NumPy's array or scalar is where JAX takes it."""
    if value.kind is not Kind.HOST or aval.dtype is None:
        return aval
    return aval._replace(dtype=_DEFAULTS.get(aval.dtype, aval.dtype))


def of_comparison(left: Value, right: Value) -> Aval:
    """What a comparison of two arrays is."""
    one, other = aval_of(left), aval_of(right)
    shape = None if one is None or other is None else broadcast(one.shape, other.shape)
    return Aval("bool", shape)


def broadcast(one: Shape | None, other: Shape | None) -> Shape | None:
    """The shape of two arrays side by side."""
    if one is None or other is None:
        return None
    length = max(len(one), len(other))
    first: Shape = (*((1,) * (length - len(one))), *one)
    second: Shape = (*((1,) * (length - len(other))), *other)
    return tuple([_dimension(a, b) for a, b in zip(first, second)])


def _dimension(one: int | None, other: int | None) -> int | None:
    if one == 1:
        return other
    return one if other in (1, one) else None


def of_element(base: Value, index: Value) -> Aval | None:
    """What `base[index]` is."""
    known = aval_of(base)
    if known is None or base.kind not in _ARRAYS:
        return None
    shape = known.shape
    shape = shape[1:] if shape and isinstance(constant_of(index), int) else None
    kept = known.made if known.made in _PROBABILITIES else None
    return known._replace(shape=shape, made=kept)


_PROBABILITIES = ("softmax", "sigmoid")


def is_probability(value: Value) -> bool:
    """Whether it is the output of a softmax or of a sigmoid."""
    known = aval_of(value)
    return known is not None and known.made in _PROBABILITIES


def of_attribute(base: Value, name: str) -> Aval | None:
    """What `x.T` and its kin are."""
    known = aval_of(base)
    if known is None or name not in ("T", "mT"):
        return None
    shape = known.shape
    if shape is not None and name == "T":
        shape = tuple(reversed(shape))
    elif shape is not None and name == "mT":
        shape = (*shape[:-2], *reversed(shape[-2:]))
    return known._replace(shape=shape)


def of_update(run: Run, node: ast.expr) -> Aval | None:
    """What `x.at[i].set(v)` is: as `x`. `node` is `x.at[i]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        array = node.value.value
        if isinstance(array, ast.Name):
            known = aval_of(run.lookup(array.id))
            return None if known is None else known._replace(made=None)
    return None


# Calls

_Given = dict[str, tuple["ast.expr | None", Value]]


def of_call(run: Run, name: str, facts: FunctionFacts, arguments: Arguments) -> Aval | None:
    """What a library's function returns, by its table. `name` is its canonical name."""
    rule, word = run.knowledge.result(name), run.knowledge.made(name)
    if arguments.open or (rule is None and word is None):
        return None
    if rule is None:
        return Aval(made=word)
    given = {p: (node, value) for p, node, value in arguments.named(facts) if p is not None}
    stepped = facts.plain == "derivative"
    if arguments.positional and name.startswith("numpy."):  # whose parameters are in no table
        given.setdefault("shape", (None, arguments.positional[0]))
    if name.startswith("numpy.") and (rule[0] == "number" or rule[0].startswith("cast:")):
        return _of_number(rule[0], arguments)
    made = _by_rule(run, rule, [_of_argument(v) for v in arguments.positional], given)
    if word is not None:
        made = (made or NOTHING)._replace(made=word)
    return (made or NOTHING)._replace(flat=True) if stepped else made


def _of_number(word: str, arguments: Arguments) -> Aval | None:
    """What NumPy makes of numbers: a scalar whose dtype counts, unlike that of Python's."""
    given = arguments.positional
    if arguments.keywords or any(value.kind is not Kind.STATIC for value in given):
        return None
    numbers = [constant_of(value) for value in given]
    if any(isinstance(number, (bool, str, complex)) for number in numbers):
        return None
    is_known = all(isinstance(number, (int, float)) for number in numbers)
    dtype = word.partition(":")[2] or "float64"
    return Aval(dtype, () if is_known else None, flat=True)


def of_method(run: Run, base: Value, name: str, arguments: Arguments) -> Aval | None:
    """What a method of an array returns: mostly what the function of that name does."""
    known = aval_of(base)
    if name == "astype":
        nodes = (*arguments.nodes, *(arguments.keyword_nodes or {}).values())
        for node, value in zip(nodes, arguments.values()):
            known = known or NOTHING
            dtype = dtype_of(run, value, node)
            return Aval(dtype, known.shape, flat=known.is_flat)
        return None
    rule = run.knowledge.result(f"jax.numpy.{name}")
    if rule is None or arguments.open:
        return None
    facts = run.knowledge.method(name)
    nodes = arguments.keyword_nodes or {}
    given = {p: (nodes.get(p), value) for p, value in arguments.keywords.items()}
    for parameter, node, value in zip(("axis",), arguments.nodes, arguments.positional):
        given[parameter] = node, value
    made = _by_rule(run, rule, [known], given)
    word = run.knowledge.made(f"jax.numpy.{name}")
    if word is not None:
        made = (made or NOTHING)._replace(made=word)
    stepped = facts is not None and facts.plain == "derivative"
    return (made or NOTHING)._replace(flat=True) if stepped else made


def _of_argument(value: Value) -> Aval | None:
    """An argument as an array, lists of numbers and arrays too."""
    items = items_of(value) if value.kind is Kind.SEQUENCE else None
    if not items:
        return aval_of(value)
    inside = [_of_argument(item) for item in items]
    dtype = _dtype_of_all(inside)
    shapes = {None if one is None else one.shape for one in inside}
    shape = shapes.pop() if len(shapes) == 1 else None
    return Aval(dtype, None if shape is None else (len(items), *shape))


def _dtype_of_all(avals: list[Aval | None]) -> str | None:
    found: Aval | None = None
    for one in avals:
        if one is None or one.dtype is None:
            return None
        found = one if found is None else Aval(*_of_two(found, one))
    return None if found is None else found.dtype


def _of_two(one: Aval, other: Aval) -> tuple[str | None, Shape | None, bool]:
    dtype, weak = promoted(one, other)
    return dtype, None, weak


def _by_rule(
    run: Run, rule: tuple[str, str], arrays: list[Aval | None], given: _Given
) -> Aval | None:
    first = arrays[0] if arrays else None
    dtype, weak = _dtype_by_rule(rule[0], arrays)
    if "dtype" in given:
        node, value = given["dtype"]
        if not (value.kind is Kind.STATIC and value.data is None):
            dtype, weak = dtype_of(run, value, node), False
    shape: Shape | None = None
    if rule[1] == "elementwise":
        shape = () if arrays else None
        for one in arrays:
            shape = None if one is None else broadcast(shape, one.shape)
    elif rule[1] == "first":
        shape = None if first is None else first.shape
    elif rule[1] == "scalar" or (rule[1] == "total" and not given.keys() & {"axis", "keepdims"}):
        shape = ()
    elif rule[1] == "shape" and "shape" in given:
        shape = _written_shape(given["shape"][1])
    named = (value for _, value in given.values() if value.kind not in (Kind.STATIC, Kind.IMPORTED))
    known = [*arrays, *map(aval_of, named)]
    flat = all(one is not None and one.is_flat for one in known)
    made = Aval(dtype, shape, weak, flat)
    return None if made == NOTHING else made


def _dtype_by_rule(word: str, arrays: list[Aval | None]) -> tuple[str | None, bool]:
    first = arrays[0] if arrays else None
    if word in ("promoted", "inexact", "chosen"):
        used = arrays[1:] if word == "chosen" else arrays
        dtype = _dtype_of_all(used)
        weak = all(one is not None and one.weak for one in used)
        if word == "inexact" and kind_of(dtype) in ("bool", "integer"):
            dtype = "float"
        if word == "promoted" and dtype == "bool":
            dtype = None  # some of them make integers of booleans
        return dtype, weak
    if word in ("like", "like-without-bool", "summed"):
        if first is None:
            return None, False
        is_counted = word != "like" and first.dtype == "bool"
        if is_counted or (word == "summed" and first.dtype in ("int8", "int16")):
            return "int", False
        is_small = word == "summed" and first.dtype in ("uint8", "uint16")
        return (None if is_small else first.dtype), first.weak
    return word, False


def _written_shape(value: Value) -> Shape | None:
    """The shape that an argument says: `3`, `(2, n)`."""
    number = constant_of(value)
    if isinstance(number, int):
        return (number,)
    if isinstance(number, tuple):
        return tuple([one if isinstance(one, int) else None for one in number])  # type: ignore[misc]
    items = items_of(value) if value.kind is Kind.SEQUENCE else None
    if items is None:
        return None
    numbers = [constant_of(item) for item in items]
    return tuple([one if isinstance(one, int) else None for one in numbers])


def described(value: Value) -> str:
    """For the specifications: `float32[2, ?]`, `weak int[]`, `bool[...]`, `unknown`."""
    known = aval_of(value)
    if known is None:
        return "unknown"
    inside = (
        "..."
        if known.shape is None
        else ", ".join("?" if one is None else str(one) for one in known.shape)
    )
    return f"{'weak ' if known.weak else ''}{known.dtype or '?'}[{inside}]"

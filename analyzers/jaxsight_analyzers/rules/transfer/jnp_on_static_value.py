"""Computes with `jnp` what has to be known while tracing.

## Why is this bad?

In a function that JAX traces every result of `jax.numpy` is traced, also that of `jnp.sqrt(d)`, `jnp.ceil(n / k)` or
`jnp.prod(jnp.array(x.shape))`, whose arguments are Python numbers and shapes. As a shape, a size, a bound of
a slice, in `int()`, `range()` or an `if` the number is missing then: `TypeError: Shapes must be 1D sequences of
concrete values`, `ConcretizationTypeError` or `TracerBoolConversionError`.

Python's `math` and NumPy compute with what is static, and leave it static.

## Fix safety

Safe where a function of `math` takes the place of one of `jnp` right where the number is needed: the old code
cannot have worked while traced. `math.ceil` and `math.floor` return integers. Unsafe with NumPy, and where
the number has a name, because other code may use it as an array.

## Limits

Only what is needed while tracing is reported: `x / jnp.sqrt(x.shape[-1])` works, though `math.sqrt` would spare JAX
an operation. Outside of traced functions, and under `jax.vmap` or `jax.grad` alone, such results are numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.transfer_streams import StaticNeed
from jaxsight_analyzers.semantic.values import Kind

_OF_PYTHON = {"maximum": "max", "minimum": "min", "abs": "abs", "absolute": "abs"}
_OF_ITEMS = {"prod": "math.prod", "sum": "sum", "max": "max", "min": "min"}
_ARRAYS = ("jax.numpy.array", "jax.numpy.asarray")


def check(unit: Unit) -> Iterator[Finding]:
    for number, need in enumerate(unit.static_needs):
        sure = need.traced is Certainty.YES
        needs = "needs" if sure else "may need"
        yield Finding(
            span=unit.model.module.span(need.node),
            message=(
                f"`{display(need.name)}` makes a tracer in what `{need.function}` traces, and {need.by} {needs} "
                "a number while tracing"
            ),
            certainty=need.traced,
            related=need.related,
            fixes=tuple(_fixes(unit, need, number)),
        )


def _fixes(unit: Unit, need: StaticNeed, number: int) -> Iterator[FixRef]:
    function = _of_python(unit, need)
    if function is not None:
        safe = need.traced is Certainty.YES and _is_in_place(need)
        applicability = Applicability.SAFE if safe else Applicability.UNSAFE
        yield FixRef("use-math", f"Use `{function[0]}`", applicability, number)
    elif _of_numpy(unit, need):
        yield FixRef("use-numpy", "Use NumPy", Applicability.UNSAFE, number)


def _is_in_place(need: StaticNeed) -> bool:
    """Whether the number is needed right where it is made."""
    return any(inner is need.node for inner in ast.walk(need.use))


def _of_python(unit: Unit, need: StaticNeed) -> tuple[str, list[ast.expr]] | None:
    """The function of `math` or Python that does the same with numbers, and its arguments."""
    call = unit.call_at(need.node)
    if call is None or need.node.keywords or any(a.is_starred for a in call.arguments):
        return None
    parents = edits.parents_of(unit, need.node)
    if parents and isinstance(parents[0], (ast.Attribute, ast.Subscript)):
        return None
    name = need.name.rpartition(".")[2]
    if name in _OF_ITEMS and len(call.arguments) == 1:
        items = _items(unit, call)
        return None if items is None else (_OF_ITEMS[name], [items])
    if len(need.made) > 1 or not all(_is_number(unit, a.node, a.kind) for a in call.arguments):
        return None
    arguments = [a.node for a in call.arguments]
    if name in _OF_PYTHON:
        return _OF_PYTHON[name], arguments
    counterpart = getattr(unit.knowledge.function(f"math.{name}"), "counterpart", None)
    if counterpart is None or counterpart.name != need.name:
        return None
    return f"math.{name}", arguments


def _is_number(unit: Unit, node: ast.expr, kind: Kind) -> bool:
    return kind in (Kind.STATIC, Kind.UNKNOWN) and not edits.source(unit, node).endswith(".shape")


def _items(unit: Unit, call: Call) -> ast.expr | None:
    """The numbers in `jnp.array(x.shape)` or `x.shape`."""
    argument, kind = call.arguments[0].node, call.arguments[0].kind
    inner = unit.call_at(argument)
    if inner is not None and inner.canonical in _ARRAYS and len(inner.arguments) == 1:
        argument, kind = inner.arguments[0].node, inner.arguments[0].kind
    is_shape = isinstance(argument, ast.Attribute) and argument.attr == "shape"
    return argument if is_shape or kind is Kind.SEQUENCE else None


def _of_numpy(unit: Unit, need: StaticNeed) -> list[Edit]:
    """The edits that call NumPy's functions instead; none where it lacks one of them."""
    places = [unit.model.module.span(node) for node in need.made]
    found: dict[Edit, None] = {}
    for reference in unit.references:
        span = reference.span
        inside = any(place.start <= span.start and span.end <= place.end for place in places)
        if not inside or not reference.qualified.startswith(("jax.numpy.", "jax.lax.")):
            continue
        name = reference.qualified.rpartition(".")[2]
        facts = unit.knowledge.function(f"numpy.{name}")
        if not reference.qualified.startswith("jax.numpy.") or facts is None:
            return []
        function = edits.spell(unit, f"numpy.{name}")
        found.update(dict.fromkeys((Edit(span, function.text), *function.edits)))
    return list(found)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    need = unit.static_needs[reference.data]
    if reference.kind == "use-numpy":
        changed = _of_numpy(unit, need)
        return Fix(reference.title, tuple(changed), reference.applicability) if changed else None
    found = _of_python(unit, need)
    if found is None:
        return None
    name, arguments = found
    function = edits.spell(unit, name) if "." in name else edits.Spelling(name)
    written = ", ".join(edits.as_argument(unit, argument) for argument in arguments)
    edit = Edit(unit.model.module.span(need.node), f"{function.text}({written})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="jnp-on-static-value",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Shapes must be 1D sequences of concrete values of integer type",
        "ConcretizationTypeError: This value became a tracer due to JAX operations on these lines",
        "TracerBoolConversionError: This value became a tracer due to JAX operations on these lines",
        "TracerIntegerConversionError: This value became a tracer due to JAX operations on these lines",
    ),
    raising=r"\bjnp\.|\bjax\.numpy\.",
    examples=(
        Example(
            """
            import math

            import jax
            import jax.numpy as jnp

            @jax.jit
            def flatten(x):
                return x.reshape(jnp.prod(jnp.array(x.shape)))  # error: [jnp-on-static-value]
            """,
            fixed="""
            import math

            import jax
            import jax.numpy as jnp

            @jax.jit
            def flatten(x):
                return x.reshape(math.prod(x.shape))
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def scale(x):
                return x / jnp.sqrt(x.shape[-1])
            """
        ),
    ),
)

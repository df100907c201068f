"""Calls a function whose result has a shape that depends on traced values.

## Why is this bad?

Under `jax.jit` every shape is known while tracing. How many elements `jnp.nonzero`, `jnp.unique`, `jnp.where`
with one argument, `jnp.repeat` with an array of repeats or `jax.ops.segment_sum` return depends on numbers
that are not there yet: `ConcretizationTypeError: Abstract tracer value encountered where concrete value is
expected ... The size argument of jnp.nonzero must be statically specified to use jnp.nonzero within JAX
transformations`.

`size=` says how many there are at most, and `fill_value=` what the rest is filled with (`length=` of
`jnp.bincount`, `total_repeat_length=` of `jnp.repeat`, `num_segments=` of `jax.ops.segment_sum`). Often a mask
does without: `jnp.where(mask, x, 0).sum()` instead of `x[jnp.nonzero(mask)].sum()`.

## Fix safety

Unsafe: the result has a fixed length and is filled up, which the code that uses it has to respect.

## Limits

Where the shape is decided by what is static (`jnp.repeat(x, 3)`, `jnp.delete(x, 0)`), nothing is reported, nor
outside of traced functions, nor under `jax.grad` alone, where these functions work. NumPy's own arrays are
not followed: `jnp.nonzero(np.ones(3))` fails under `jax.jit` as well and is not reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Related,
    Route,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.transfer_streams import MethodCall

_INDICES = ("nonzero", "flatnonzero", "argwhere", "where")
_BOUNDED = ("unique", "unique_values", "compress", "extract", "setdiff1d", "intersect1d")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.calls):
        facts = call.facts
        if facts is None or facts.sized_by is None or not call.qualified.startswith("jax."):
            continue
        given = {a.parameter for a in call.arguments}
        if given.isdisjoint((facts.sized_by, facts.sized_unless)):
            yield from _found(unit, call, facts.sized_from, number)
    for number, method in enumerate(unit.methods):
        given = {a.parameter for a in method.arguments}
        if method.facts.sized_by is not None and method.facts.sized_by not in given:
            yield from _found(unit, method, method.facts.sized_from, number)


def _found(
    unit: Unit, call: Call | MethodCall, sized_from: tuple[str, ...], number: int
) -> Iterator[Finding]:
    if _hides_arguments(call.node):
        return
    certainty, value, related = _decisive(call, sized_from)
    if certainty is Certainty.NO:
        return
    sure = certainty is Certainty.YES
    name = call.name if isinstance(call, Call) else f".{call.name}()"
    yield Finding(
        span=call.span,
        message=(
            f"`{name}` {'fails' if sure else 'may fail'}: the shape of its result depends on the values of "
            f"`{value}`, which {'is' if sure else 'may be'} traced by `{call.function}`"
        ),
        certainty=certainty,
        related=related,
        fixes=_fixes(unit, call, number),
    )


def _hides_arguments(node: ast.Call) -> bool:
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    return starred or any(keyword.arg is None for keyword in node.keywords)


_Decisive = tuple[Certainty, str, tuple[Related | Route, ...]]


def _decisive(call: Call | MethodCall, sized_from: tuple[str, ...]) -> _Decisive:
    """Of the values that decide on the shape the one that is most surely a tracer."""
    found: list[_Decisive] = [
        (argument.traced, argument.text, argument.related)
        for argument in call.arguments
        if (not sized_from or argument.parameter in sized_from) and not argument.concrete
    ]
    if isinstance(call, MethodCall) and not sized_from and not call.concrete:
        found.append((call.traced, call.base_text, call.related))
    return max(found, key=lambda one: one[0], default=(Certainty.NO, "", ()))


def _fixes(unit: Unit, call: Call | MethodCall, number: int) -> tuple[FixRef, ...]:
    keyword = _keyword(unit, call)
    if keyword is None:
        return ()
    if isinstance(call, MethodCall):
        return (FixRef("size-method", f"Add `{keyword}`", Applicability.UNSAFE, number),)
    return (FixRef("size", f"Add `{keyword}`", Applicability.UNSAFE, number),)


def _keyword(unit: Unit, call: Call | MethodCall) -> str | None:
    """The keyword that makes the shape static, where there is a natural bound for it."""
    name = call.node.func.attr if isinstance(call.node.func, ast.Attribute) else ""
    if isinstance(call, Call):
        name = call.canonical.rpartition(".")[2]
    given = {a.parameter: a.node for a in call.arguments}
    if name == "bincount" and "minlength" in given:
        return f"length={edits.as_argument(unit, given['minlength'])}"
    if name == "union1d" or (name not in _INDICES and name not in _BOUNDED):
        return None
    array = call.base if isinstance(call, MethodCall) else call.arguments[0].node
    size = f"size={_sized(unit, array)}.size"
    return f"{size}, fill_value=-1" if name in _INDICES else size


def _sized(unit: Unit, node: ast.expr) -> str:
    """An expression of the same size: of `x > 0` that is `x`."""
    while isinstance(node, ast.Compare) and isinstance(node.left, (ast.Name, ast.Attribute)):
        node = node.left
    return edits.as_operand(unit, node)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    calls = unit.methods if reference.kind == "size-method" else unit.calls
    call = calls[reference.data]
    keyword = _keyword(unit, call)
    if keyword is None:
        return None
    edit = edits.add_keyword(unit, call.node, keyword)
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="data-dependent-output-shape",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ConcretizationTypeError: The size argument of jnp.nonzero must be statically specified",
        "ConcretizationTypeError: you can specify a concrete value for the size argument",
        "ConcretizationTypeError: the total number of repeats must be static",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def indices(x):
                return jnp.nonzero(x)[0]  # error: [data-dependent-output-shape]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def indices(x):
                return jnp.nonzero(x, size=x.size, fill_value=-1)[0]
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def total(x):
                return jnp.where(x > 0, x, 0).sum() + jnp.repeat(x, 3).sum()
            """
        ),
    ),
)

"""Asks Python for the number in a value that JAX traces.

## Why is this bad?

`float(x)`, `int(x)`, `x.item()`, `x.tolist()` and formats such as `f"{x:.3f}"` need a number. While a
function is traced its arrays are stand-ins without one: `ConcretizationTypeError: Abstract tracer value
encountered where concrete value is expected`, and of a format `TypeError: unsupported format string
passed to DynamicJaxprTracer.__format__`.

Most often the cast is left over from NumPy and can go: a traced scalar takes part in arithmetic as it is.
`x.astype(float)` changes a dtype. What has to be a Python number, such as a size, must come in as a static
argument or be computed from shapes.

## Fix safety

Unsafe: without `float` the value keeps its dtype; `astype` makes one of JAX's. Neither helps where
the number is needed while tracing, as a size or for a branch.

## Limits

`int(x.shape[0] / 2)` and other casts of what is static are right, and not reported. `f"{x}"` without a
format shows the tracer and works. Under `jax.grad` alone `int(x)` and `x.item()` are not reported:
some releases of JAX allow them. A format in a `print` is reported as `print-in-trace`.
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
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.transfer_streams import MethodCall
from jaxsight_analyzers.semantic.values import Kind

_CASTS = frozenset(f"builtins.{n}" for n in ("float", "int", "complex", "hex", "oct", "bin", "chr"))
_DTYPES = {"builtins.float": "float", "builtins.int": "int", "builtins.complex": "complex"}
_METHODS = ("item", "tolist", "tobytes", "__float__", "__int__", "__complex__", "__index__")
_OF_CONCRETE = ("builtins.int", "item", "__int__")
"""What some releases of JAX allow under plain `grad`."""

_NUMBERS = (Kind.ARRAY, Kind.TREE, Kind.UNKNOWN)


def check(unit: Unit) -> Iterator[Finding]:
    yield from _casts(unit)
    yield from _methods(unit)
    yield from _formats(unit)


def _casts(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_CASTS):
        if call.traced is Certainty.NO or len(call.arguments) != 1:
            continue
        value = call.arguments[0]
        if value.kind not in _NUMBERS or (value.concrete and call.canonical in _OF_CONCRETE):
            continue
        yield Finding(
            span=call.span,
            message=_sentence(
                f"`{call.name}` {{fails}} on", value.text, call.traced, call.function
            ),
            certainty=call.traced,
            related=call.related,
            fixes=_fixes_of_cast(unit, call, number),
        )


def _methods(unit: Unit) -> Iterator[Finding]:
    for number, method in enumerate(unit.methods):
        if method.name not in _METHODS or method.traced is Certainty.NO:
            continue
        if method.concrete and method.name in _OF_CONCRETE:
            continue
        name, base = method.name, method.base_text
        fixes: tuple[FixRef, ...] = ()
        if name in ("item", "tolist") and not method.arguments and _is_used_as_array(unit, method):
            fixes = (FixRef("drop-method", f"Remove `.{name}()`", Applicability.UNSAFE, number),)
        yield Finding(
            span=method.span,
            message=_sentence(f"`.{name}()` {{fails}} on", base, method.traced, method.function),
            certainty=method.traced,
            related=method.related,
            fixes=fixes,
        )


def _formats(unit: Unit) -> Iterator[Finding]:
    uses = [use for use in unit.number_uses if use.kind == "format"]
    printed = _printed(unit) if uses else set[ast.AST]()
    for use in uses:
        if use.node in printed or (
            use.concrete and use.how.endswith(("d", "i")) and "%" in use.how
        ):
            continue
        yield Finding(
            span=use.span,
            message=_sentence(
                f"the format `{use.how}` {{fails}} on", use.text, use.traced, use.function
            ),
            certainty=use.traced,
            related=use.related,
        )


def _sentence(fails: str, value: str, certainty: Certainty, function: str) -> str:
    sure = certainty is Certainty.YES
    fails = fails.format(fails="fails" if sure else "then fails")
    return f"{fails} `{value}`, which {'is' if sure else 'may be'} traced by `{function}`"


def _printed(unit: Unit) -> set[ast.AST]:
    """What stands in calls that print or log a tracer, which `print-in-trace` reports."""
    calls = [call for _, call in unit.calls_from("builtins", "logging", "absl", "warnings")]
    printing = [c for c in calls if c.facts is not None and c.facts.effect == "io" and c.shown]
    return {inner for call in printing for inner in ast.walk(call.node)}


def _fixes_of_cast(unit: Unit, call: Call, number: int) -> tuple[FixRef, ...]:
    dtype = _DTYPES.get(call.canonical)
    if dtype is None or not isinstance(call.node.func, ast.Name):
        return ()
    if not _is_used_as_array(unit, call):
        return ()
    title = f"Use `{edits.as_operand(unit, call.arguments[0].node)}.astype({dtype})`"
    cast = FixRef("use-astype", title, Applicability.UNSAFE, number)
    if dtype != "float":
        return (cast,)
    return FixRef("drop-cast", "Remove `float()`", Applicability.UNSAFE, number), cast


def _is_used_as_array(unit: Unit, call: Call | MethodCall) -> bool:
    """Whether the number goes into arithmetic, a name or out of the function, where an array does as well."""
    parents = iter(edits.parents_of(unit, call.node))
    inner = next((p for p in parents if not isinstance(p, (ast.BinOp, ast.UnaryOp))), None)
    while isinstance(inner, (ast.Tuple, ast.List, ast.Dict)):
        inner = next(parents, None)
    return isinstance(inner, (ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign))


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    if reference.kind == "drop-method":
        method = unit.methods[reference.data]
        edit = Edit(method.span, edits.as_operand(unit, method.base))
        return Fix(reference.title, (edit,), reference.applicability)
    call = unit.calls[reference.data]
    operand = edits.as_operand(unit, call.arguments[0].node)
    if reference.kind == "use-astype":
        operand = f"{operand}.astype({_DTYPES[call.canonical]})"
    return Fix(reference.title, (Edit(call.span, operand),), reference.applicability)


RULE = Rule(
    name="python-cast-traced",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ConcretizationTypeError: The problem arose with the `float` function",
        "ConcretizationTypeError: The problem arose with the `int` function",
        "ConcretizationTypeError: This occurred in the item() method of jax.Array",
        "ConcretizationTypeError: The tolist() method was called on traced array",
        "TypeError: unsupported format string passed to ...Tracer.__format__",
    ),
    raising=r"\b(float|int|complex)\(|\.(item|tolist)\(",
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                return float(x) * 2  # error: [python-cast-traced]
            """,
            fixed="""
            import jax

            @jax.jit
            def f(x):
                return x * 2
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                half = int(x.shape[0] / 2)
                return x[:half] * float(x.ndim)
            """
        ),
    ),
)

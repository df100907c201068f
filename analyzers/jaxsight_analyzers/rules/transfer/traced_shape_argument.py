"""Uses a traced value as a shape, a size, an axis, or what else must be known while tracing.

## Why is this bad?

Compiled code has fixed shapes. A size that is an argument of the compiled function is a stand-in without a
number: `TypeError: Shapes must be 1D sequences of concrete values of integer type, got (JitTracer(int32[]),)`,
for some functions `ConcretizationTypeError`, `TracerIntegerConversionError` or `ValueError: Non-hashable
static arguments are not supported`.

Take the size from a shape (`x.shape[0]`), or mark the argument static: then the function is compiled anew for
each value of it. If the size varies much, pad to a fixed size and mask.

## Fix safety

Unsafe: callers must pass a number, not an array, and each new one compiles again.

## Limits

Shapes, `len`, static arguments, defaults that no caller passes and what `functools.partial` binds are static,
and not reported. Under `jax.grad` alone sizes are numbers, too. What the number is computed from by `jnp` is
reported there, as `jnp-on-static-value`.
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
    Severity,
)
from jaxsight_analyzers.fixes import static_arguments
from jaxsight_analyzers.fixes.static_arguments import Parameter
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call
from jaxsight_analyzers.semantic.transfer_streams import MethodCall

_OTHERS = frozenset(
    ("dtype", "keepdims", "method", "mode", "replace", "independent", "out_sharding")
)
"""What must be static, too, and is no number: nobody computes it."""

_PLAIN = (ast.Name, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp)


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.calls):
        if call.facts is not None and call.qualified.startswith("jax."):
            sized_by = (call.facts.sized_by or "",)
            yield from _found(unit, call, (*call.facts.static_parameters, *sized_by), number)
    for number, method in enumerate(unit.methods):
        yield from _found(unit, method, method.facts.static_parameters, number)


def _found(
    unit: Unit, call: Call | MethodCall, static: tuple[str, ...], number: int
) -> Iterator[Finding]:
    argument = _traced(call, static) if static else None
    if argument is None:
        return
    sure = argument.traced is Certainty.YES
    name = call.name if isinstance(call, Call) else f".{call.name}()"
    parameter = _parameter(unit, argument)
    fixes: tuple[FixRef, ...] = ()
    if parameter is not None and isinstance(call, MethodCall):
        fixes = (FixRef("static-of-method", parameter.title, Applicability.UNSAFE, number),)
    elif parameter is not None:
        fixes = (FixRef("static", parameter.title, Applicability.UNSAFE, number),)
    yield Finding(
        span=argument.span,
        message=(
            f"`{name}` must know `{argument.text}` while tracing, but that "
            f"{'is' if sure else 'may be'} traced by `{call.function}`"
        ),
        certainty=argument.traced,
        related=argument.related,
        fixes=fixes,
    )


def _traced(call: Call | MethodCall, static: tuple[str, ...]) -> Argument | None:
    """Of the arguments that must be static the one that is most surely a tracer."""
    found = [
        argument
        for argument in call.arguments
        if argument.parameter in static
        and argument.parameter not in _OTHERS
        and argument.traced
        and not argument.concrete
        and not argument.is_starred
    ]
    return max(found, key=lambda argument: argument.traced, default=None)


def _parameter(unit: Unit, argument: Argument) -> Parameter | None:
    """The parameter that is the size, or that it is computed from as a number."""
    if not all(isinstance(inner, _PLAIN) for inner in ast.walk(argument.node) if _counts(inner)):
        return None
    parameter = static_arguments.behind(unit, argument.related)
    names = {inner.id for inner in ast.walk(argument.node) if isinstance(inner, ast.Name)}
    return parameter if parameter is not None and parameter.name in names else None


def _counts(node: ast.AST) -> bool:
    return isinstance(node, ast.expr)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    is_method = reference.kind == "static-of-method"
    call = (unit.methods if is_method else unit.calls)[reference.data]
    static = call.facts.static_parameters if call.facts is not None else ()
    if isinstance(call, Call) and call.facts is not None:
        static = (*static, call.facts.sized_by or "")
    argument = _traced(call, static)
    parameter = None if argument is None else _parameter(unit, argument)
    if parameter is None:
        return None
    return Fix(reference.title, static_arguments.mark(unit, parameter), reference.applicability)


RULE = Rule(
    name="traced-shape-argument",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Shapes must be 1D sequences of concrete values of integer type",
        "ConcretizationTypeError: The axis argument must be known statically",
        "ConcretizationTypeError: expected a static index or sequence of indices",
        "ConcretizationTypeError: It arose in the jnp.arange argument 'stop'",
        "ConcretizationTypeError: 'num' argument of jnp.linspace",
        "ConcretizationTypeError: in jax.numpy.split argument 1",
        "ConcretizationTypeError: The error arose in jax.nn.one_hot argument `num_classes`",
        "TypeError: parameters to jaxpr equations must have __hash__ and __eq__ methods",
        "TracerIntegerConversionError: The __index__() method was called on traced array",
        "TracerBoolConversionError: Attempted boolean conversion of traced array with shape",
    ),
    raising=r"\(.*\)",
    examples=(
        Example(
            """
            from functools import partial

            import jax
            import jax.numpy as jnp

            @jax.jit
            def f(n):
                return jnp.zeros(n)  # error: [traced-shape-argument]
            """,
            fixed="""
            from functools import partial

            import jax
            import jax.numpy as jnp

            @partial(jax.jit, static_argnames="n")
            def f(n):
                return jnp.zeros(n)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def f(x):
                n = x.shape[0]
                return jnp.zeros((n, 2 * n)) + jnp.arange(len(x))[:, None]
            """
        ),
    ),
)

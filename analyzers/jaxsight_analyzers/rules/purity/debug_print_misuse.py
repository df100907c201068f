"""Calls `jax.debug.print` as if it were `print`.

## Why is this bad?

`jax.debug.print` takes a format string and the values for it, and formats them when the compiled code runs. An
f-string is formatted before that, while JAX traces: it shows `JitTracer(~float32[])` instead of a number. Where
values and fields do not match, the call raises while tracing:

    ValueError: Unused positional arguments to `jax.debug.print`: [...]
    IndexError: Replacement index 0 out of range for positional args tuple

## Fix safety

Safe for an f-string: what the function computes stays the same, and the values are printed. Unsafe where
fields are added for values that have none.

## Limits

An f-string of nothing but static values, such as a shape, is not reported. Fields with a format are
`python-cast-traced`'s, for these raise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from string import Formatter

from jaxsight_analyzers import formats
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call

_STATIC = ("shape", "dtype", "ndim", "size")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("jax.debug.print",)):
        if not call.arguments or any(isinstance(a, ast.Starred) for a in call.node.args):
            continue
        template = call.arguments[0]
        if isinstance(template.node, ast.JoinedStr):
            yield from _formatted_early(call, template, number)
        elif isinstance(template.node, ast.Constant) and isinstance(template.node.value, str):
            yield from _mismatched(call, template.node.value, number)


def _formatted_early(call: Call, template: Argument, number: int) -> Iterator[Finding]:
    """An f-string with a tracer in it."""
    assert isinstance(template.node, ast.JoinedStr)
    fields = [part for part in template.node.values if isinstance(part, ast.FormattedValue)]
    if template.shown is Certainty.NO or any(part.format_spec is not None for part in fields):
        return
    sure = template.shown is Certainty.YES
    fixes: tuple[FixRef, ...] = ()
    if _as_call(call) is not None:
        safety = Applicability.SAFE if sure else Applicability.UNSAFE
        fixes = (
            FixRef("format-fields", "Let `jax.debug.print` format the values", safety, number),
        )
    yield Finding(
        span=template.span,
        message=(
            f"this f-string is formatted while `{call.function}` traces `{call.enclosing}`, and "
            f"{'shows' if sure else 'may show'} a tracer instead of its value"
        ),
        certainty=template.shown,
        related=call.related,
        fixes=fixes,
    )


def _as_call(call: Call) -> str | None:
    """The format string and its values, for a call of nothing but an f-string."""
    node = call.arguments[0].node
    values: list[str] = []
    if len(call.arguments) > 1 or not isinstance(node, ast.JoinedStr):
        return None
    text = formats.as_format(node, values)
    static = any(value.rpartition(".")[2] in _STATIC for value in values)
    return None if text is None or static else ", ".join([formats.quoted(text), *values])


def _mismatched(call: Call, template: str, number: int) -> Iterator[Finding]:
    """A format string with other fields than values."""
    fields = _fields(template)
    if fields is None:
        return
    given = [a for a in call.arguments[1:] if not a.is_keyword]
    spare = len(given) - len(fields)
    if spare == 0:
        return
    fixes: tuple[FixRef, ...] = ()
    what = f"raises, for its format has {len(fields)} fields without a name for {len(given)} values"
    if spare > 0 and "%" not in template:
        fixes = (FixRef("add-fields", "Add fields", Applicability.UNSAFE, number),)
    yield Finding(span=call.span, message=f"`{call.name}` {what}", fixes=fixes)


def _fields(template: str) -> list[str] | None:
    """The fields that take the values in their order; None where there are others with numbers."""
    try:
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError:
        return None
    roots = [name.partition(".")[0].partition("[")[0] for name in names]
    return None if any(root.isdigit() for root in roots) else [r for r in roots if not r]


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    template = call.arguments[0]
    if reference.kind == "format-fields":
        text = _as_call(call)
    else:
        value = template.node.value if isinstance(template.node, ast.Constant) else ""
        fields = _fields(str(value)) or []
        spare = sum(not a.is_keyword for a in call.arguments[1:]) - len(fields)
        text = formats.quoted(f"{value}{' {}' * spare}")
    return (
        None
        if text is None
        else Fix(reference.title, (Edit(template.span, text),), reference.applicability)
    )


RULE = Rule(
    name="debug-print-misuse",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: Unused positional arguments to `jax.debug.print`",),
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                jax.debug.print(f"x={x}")  # error: [debug-print-misuse]
                return x
            """,
            fixed="""
            import jax

            @jax.jit
            def f(x):
                jax.debug.print("x={}", x)
                return x
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                jax.debug.print("x={x}", x=x)
                jax.debug.print(f"of shape {x.shape}")
                return x
            """
        ),
    ),
)

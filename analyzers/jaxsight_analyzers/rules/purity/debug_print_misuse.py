"""Calls `jax.debug.print` as if it were `print`.

## Why is this bad?

`jax.debug.print` takes a format string and the values for it, and formats them when the compiled code runs. An
f-string, or a text with `%` or `.format`, is formatted before that, while JAX traces: it shows `JitTracer(~float32[])` instead of a number. Where
values and fields do not match, the call raises while tracing:

    ValueError: Unused positional arguments to `jax.debug.print`: [...]
    IndexError: Replacement index 0 out of range for positional args tuple

## Fix safety

Safe for a text that is formatted too early: what the function computes stays the same, and the values are printed. Unsafe
where fields are added for values that have none, or `%s` becomes `{}`.

## Limits

An f-string of nothing but static values, such as a shape, is not reported. Fields with a format are
`python-cast-traced`'s, for these raise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from string import Formatter

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import formats
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call

_STATIC = ("shape", "dtype", "ndim", "size")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("jax.debug.print",)):
        if not call.arguments or any(isinstance(a, ast.Starred) for a in call.node.args):
            continue
        template = call.arguments[0]
        if formats.is_formatted(template.node):
            yield from _formatted_early(unit, call, template, number)
        elif isinstance(template.node, ast.Constant) and isinstance(template.node.value, str):
            yield from _mismatched(unit, call, template.node.value, number)


def _formatted_early(unit: Unit, call: Call, template: Argument, number: int) -> Iterator[Finding]:
    """A text with a tracer in it."""
    parts = template.node.values if isinstance(template.node, ast.JoinedStr) else []
    fails = any(use.kind == "format" and use.node is template.node for use in unit.number_uses)
    if template.shown is Certainty.NO or fails:
        return
    sure = template.shown is Certainty.YES
    fixes: tuple[FixRef, ...] = ()
    if _as_call(unit, call) is not None:
        safety = Applicability.SAFE if sure else Applicability.UNSAFE
        fixes = (
            FixRef("format-fields", "Let `jax.debug.print` format the values", safety, number),
        )
    what = "f-string" if parts else "text"
    yield Finding(
        span=template.span,
        message=(
            f"this {what} is formatted while `{call.function}` traces `{call.enclosing}`, and "
            f"{'shows' if sure else 'may show'} a tracer instead of its value"
        ),
        certainty=template.shown,
        related=call.related,
        fixes=fixes,
    )


def _as_call(unit: Unit, call: Call) -> str | None:
    """The format string and its values, for a call of nothing but a text that is formatted too early."""
    message = formats.Message(unit)
    if len(call.node.args) != 1 or call.node.keywords or not message.add(call.node.args[0]):
        return None
    values = (*message.values, *message.named.values())
    static = any(value.rpartition(".")[2] in _STATIC for value in values)
    return None if static else message.arguments()


def _mismatched(unit: Unit, call: Call, template: str, number: int) -> Iterator[Finding]:
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
    if _with_braces(unit, call) is not None:
        fixes = (
            FixRef("use-braces", "Write its fields with braces", Applicability.UNSAFE, number),
        )
    elif spare > 0 and "%" not in template:
        fixes = (FixRef("add-fields", "Add fields", Applicability.UNSAFE, number),)
    yield Finding(span=call.span, message=f"`{call.name}` {what}", fixes=fixes)


def _with_braces(unit: Unit, call: Call) -> str | None:
    """The format string for `"x is %s", x`, as that for `str.format`."""
    template, *values = call.node.args
    message = formats.Message(unit)
    if not values or not message.percent(template, values):
        return None
    return message.template()


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
        text = _as_call(unit, call)
    elif reference.kind == "use-braces":
        text = _with_braces(unit, call)
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
                jax.debug.print("x={x}", x=x)
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

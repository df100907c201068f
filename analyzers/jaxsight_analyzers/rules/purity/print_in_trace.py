"""Prints or logs a traced value.

## Why is this bad?

A function that JAX traces runs as Python once, while it is traced, and never again for the same
shapes. `print` then shows `Traced<float32[]>` instead of numbers, and shows nothing when the
compiled function runs. `jax.debug.print` prints the values, at each run.

## Fix safety

Unsafe: `jax.debug.print` prints when the device gets there, so order and timing differ; and it prints
at every run instead of once.

## Limits

A `print` without a traced value counts traces on purpose, and is not reported. Under `jax.grad` alone
values are printed, wrapped in a tracer, and under `jax.shard_map` alone the values of each device;
that is not reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers import edits, formats
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
from jaxsight_analyzers.semantic.streams import Call

_LOGGING = ("debug", "info", "warning", "error", "critical", "exception", "log")
_NEVER_RUN = ("jax.eval_shape", "jax.make_jaxpr")
"""They run a function's Python and nothing else, so a print in it is there for that."""

_FUNCTIONS = frozenset(
    (
        "builtins.print",
        "warnings.warn",
        *(f"logging.{name}" for name in _LOGGING),
        *(f"absl.logging.{name}" for name in (*_LOGGING, "fatal")),
    )
)


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_FUNCTIONS):
        if call.shown is Certainty.NO:
            continue
        if call.function in _NEVER_RUN:
            continue
        value = next(a.text for a in call.arguments if a.shown is call.shown)
        shows = "shows" if call.shown is Certainty.YES else "may show"
        fixes: tuple[FixRef, ...] = ()
        if call.qualified == "builtins.print" and _as_debug_print(unit, call) is not None:
            fixes = (FixRef("debug-print", "Use `jax.debug.print`", Applicability.UNSAFE, number),)
        yield Finding(
            span=call.span,
            message=(
                f"`{call.name}` runs once, while `{call.enclosing}` is traced by `{call.function}`, "
                f"and {shows} a tracer instead of the value of `{value}`"
            ),
            certainty=call.shown,
            related=call.related,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    arguments = _as_debug_print(unit, call)
    if arguments is None:
        return None
    function = edits.spell(unit, "jax.debug.print")
    edit = Edit(call.span, f"{function.text}({arguments})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


def _as_debug_print(unit: Unit, call: Call) -> str | None:
    """The arguments of `jax.debug.print` that print the same; None for `file=` and the like."""
    if any(a.is_keyword or a.is_starred for a in call.arguments):
        return None
    template: list[str] = []
    values: list[str] = []
    for argument in call.arguments:
        node = argument.node
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            template.append(node.value.replace("{", "{{").replace("}", "}}"))
        elif isinstance(node, ast.JoinedStr):
            text = formats.as_format(node, values)
            if text is None:
                return None
            template.append(text)
        else:
            template.append("{}")
            values.append(edits.as_argument(unit, node))
    return ", ".join([formats.quoted(" ".join(template)), *values])


RULE = Rule(
    name="print-in-trace",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def loss(w):
                print("w is", w)  # error: [print-in-trace]
                return (w ** 2).sum()
            """,
            fixed="""
            import jax

            @jax.jit
            def loss(w):
                jax.debug.print("w is {}", w)
                return (w ** 2).sum()
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def loss(w):
                print("tracing for", w.shape)
                jax.debug.print("w is {}", w)
                return (w ** 2).sum()
            """
        ),
    ),
)

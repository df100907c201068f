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

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits, formats
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
        fixes: list[FixRef] = []
        if _as_debug_print(unit, call) is not None:
            title = "Use `jax.debug.print`"
            fixes.append(FixRef("debug-print", title, Applicability.UNSAFE, number))
        if _as_callback(unit, call) is not None:
            title = (
                f"Call `{edits.source(unit, call.node.func)}` at each run with `jax.debug.callback`"
            )
            fixes.append(FixRef("debug-callback", title, Applicability.UNSAFE, number))
        yield Finding(
            span=call.span,
            message=(
                f"`{call.name}` runs once, while `{call.enclosing}` is traced by `{call.function}`, "
                f"and {shows} a tracer instead of the value of `{value}`"
            ),
            certainty=call.shown,
            related=call.related,
            fixes=tuple(fixes),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    as_print = reference.kind == "debug-print"
    arguments = _as_debug_print(unit, call) if as_print else _as_callback(unit, call)
    if arguments is None:
        return None
    function = edits.spell(unit, "jax.debug.print" if as_print else "jax.debug.callback")
    edit = Edit(call.span, f"{function.text}({arguments})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


def _as_debug_print(unit: Unit, call: Call) -> str | None:
    """The arguments of `jax.debug.print` that print the same; None for `file=` and the like."""
    given, message = list(call.node.args), formats.Message(unit)
    if any(isinstance(node, ast.Starred) for node in given):
        return None
    if call.qualified == "builtins.print":
        between = _between(call)
        shown = all(message.add(node) for node in given)
        return message.arguments(between) if shown and between is not None else None
    if call.qualified == "warnings.warn":
        return message.arguments() if given and message.add(given[0]) else None
    if call.node.keywords:
        return None
    if call.qualified.endswith(".log"):
        given = given[1:]
    if not given:
        return None
    template, *values = given
    shown = message.percent(template, values) if values else message.add(template)
    return message.arguments() if shown else None


def _between(call: Call) -> str | None:
    """What `print` puts between its arguments; None where it ends otherwise, or goes elsewhere."""
    between = " "
    for keyword in call.node.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if keyword.arg == "sep" and isinstance(value, str):
            between = value.replace("{", "{{").replace("}", "}}")
        elif keyword.arg == "flush" or (keyword.arg == "end" and value == "\n"):
            continue
        else:
            return None
    return between


def _as_callback(unit: Unit, call: Call) -> str | None:
    """The arguments of `jax.debug.callback` that log the values of names as before."""
    if not call.qualified.startswith(("logging.", "absl.logging.")):
        return None
    shown = [a for a in call.arguments if a.shown is not Certainty.NO]
    names: dict[str, None] = {}
    for argument in shown:
        inside = [argument.node]
        if isinstance(argument.node, ast.JoinedStr):
            parts = argument.node.values
            inside = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
        for node in inside:
            if not isinstance(node, ast.Name):
                return None
            names[node.id] = None
    text = edits.source(unit, call.node)
    listed = ", ".join(names)
    return None if "\n" in text else f"lambda {listed}: {text}, {listed}"


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

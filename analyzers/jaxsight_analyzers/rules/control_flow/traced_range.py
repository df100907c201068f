"""Takes a traced value as a count, an index of a list or a key of a dict.

## Why is this bad?

`range(n)` needs a number while Python runs, and so does the index of a list, a tuple or a string. While
`jax.jit`, `jax.lax.scan` and their kin trace a function its values are not known, and JAX raises
`TracerIntegerConversionError: The __index__() method was called on traced array`. An index of a NumPy array
raises `TracerArrayConversionError`, and a tracer has no hash: as a key of a dict or in a set it raises
`TypeError: unhashable type`. The index that `jax.lax.fori_loop` or `jax.lax.scan` hands to its body is a
tracer, too.

## Fix safety

Unsafe. `jnp.asarray(table)[i]` looks the value up on the device: it has the dtype that JAX gives the table, and
an index that is out of bounds is moved to the nearest one instead of raising `IndexError`. A static argument is
part of what JAX compiles for: it must be hashable, and each new value of it is compiled anew. `jax.lax.fori_loop`
counts on the device; with a count that is not known while tracing it has no reverse-mode derivative.

## Limits

What is static while tracing may be used so: shapes, `len`, static arguments. Under `jax.grad` alone tracers
have values; there only keys of dicts are reported. Slices are not looked at, nor are containers of which it is not
known what they are.
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
from jaxsight_analyzers.fixes import edits, loop_plans, static_arguments
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.control_flow_streams import Asked

_KEYS = {"dict": "a key of a dict", "set": "an element of a set", "hash": "hashed"}
_INDEXED = ("list", "tuple", "string", "NumPy array")


def check(unit: Unit) -> Iterator[Finding]:
    for number, asked in enumerate(unit.indices):
        if asked.given is not None and asked.operation == "range":
            continue  # a number to its callers: `missing-static-for-flag` reports that
        verb = "is" if asked.asked is Certainty.YES else "may be"
        yield Finding(
            span=asked.span,
            message=f"`{asked.text}` {verb} traced by `{asked.function}`, so {_consequence(unit, asked)}",
            certainty=asked.asked,
            related=asked.related,
            fixes=_fixes(unit, asked, number),
        )


def _consequence(unit: Unit, asked: Asked) -> str:
    if asked.operation in _KEYS:
        return f"it cannot be {_KEYS[asked.operation]}"
    if isinstance(asked.node, ast.Subscript):
        base = edits.source(unit, asked.node.value)
        named = f"`{base}`, which is no JAX array" if len(base) < 40 and "\n" not in base else ""
        return f"it cannot be an index of {named or f'a {asked.operation}'}"
    return f"`{asked.operation}` fails: it needs a number while tracing"


def _fixes(unit: Unit, asked: Asked, number: int) -> tuple[FixRef, ...]:
    found: list[FixRef] = []
    if asked.operation in _INDEXED and asked.is_array:
        title = "Use `jnp.asarray(...)[...]`"
        found.append(FixRef("use-asarray", title, Applicability.UNSAFE, number))
    parameter = _parameter(unit, asked)
    if parameter is not None:
        found.append(FixRef("mark-static", parameter.title, Applicability.UNSAFE, number))
    if asked.operation == "range" and _plan(unit, asked) is not None:
        title = "Use `jax.lax.fori_loop`"
        found.append(FixRef("use-fori-loop", title, Applicability.UNSAFE, number))
    return tuple(found)


def _plan(unit: Unit, asked: Asked) -> loop_plans.Plan | None:
    """How a loop over `range(n)` is written where the device counts."""
    for loop in unit.loops:
        if isinstance(loop.node, ast.For) and loop.node.iter is asked.node:
            plan = loop_plans.of_statement(unit, loop)
            return plan if plan is not None and plan.kind == "fori" else None
    return None


def _parameter(unit: Unit, asked: Asked) -> static_arguments.Parameter | None:
    """The parameter that is used so, as it is passed."""
    parameter = static_arguments.behind(unit, asked.related)
    return parameter if parameter is not None and parameter.name == asked.text else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    asked = unit.indices[reference.data]
    changes: tuple[Edit, ...] | None = None
    if reference.kind == "use-asarray" and isinstance(asked.node, ast.Subscript):
        array = edits.spell(unit, "jax.numpy.asarray")
        table = edits.as_argument(unit, asked.node.value)
        span = unit.model.module.span(asked.node.value)
        changes = (Edit(span, f"{array.text}({table})"), *array.edits)
    elif reference.kind == "mark-static":
        parameter = _parameter(unit, asked)
        changes = None if parameter is None else static_arguments.mark(unit, parameter)
    elif reference.kind == "use-fori-loop":
        from jaxsight_analyzers.rewrites import loops

        plan = _plan(unit, asked)
        changes = None if plan is None else loops.rewritten(unit, plan)
    return Fix(reference.title, changes, reference.applicability) if changes else None


RULE = Rule(
    name="traced-range",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    structural=frozenset(("use-fori-loop",)),
    errors=(
        "TracerIntegerConversionError: The __index__() method was called on traced array",
        "TypeError: unhashable type: '...Tracer'",
        "TracerArrayConversionError: The numpy.ndarray conversion method __array__() was called on traced array",
    ),
    raising=r"\brange\(|\w\[",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            RATES = [0.1, 0.01, 0.001]

            @jax.jit
            def rate(stage):
                return RATES[stage]  # error: [traced-range]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            RATES = [0.1, 0.01, 0.001]

            @jax.jit
            def rate(stage):
                return jnp.asarray(RATES)[stage]
            """,
        ),
        Example(
            """
            from functools import partial

            import jax

            @partial(jax.jit, static_argnames="n")
            def power(x, n):
                y = x
                for _ in range(n):
                    y = y * x
                return y
            """
        ),
    ),
)

"""Keeps a tracer where it outlives the trace.

## Why is this bad?

While JAX traces a function, its values are tracers. One that is kept in a global, in an attribute of an
object from outside or in a list of the module is of no use once the trace is over: whatever uses it raises

    UnexpectedTracerError: Encountered an unexpected tracer. A function transformed by JAX had a side effect,
    allowing for a reference to an intermediate value [...] to escape the scope of the transformation.

and the assignment itself happens once, while tracing, and not at each call. Return the value instead:
what a function returns is an array to its caller.

## Fix safety

Unsafe: `jax.debug.callback` hands the value to the host each time the compiled code runs, when the device
gets there.

## Limits

What the library threads through is not reported: variables of Flax modules that NNX or Linen hands back,
references (`jax.new_ref`), the object that `__init__` makes. Neither is what the function puts back itself,
nor an argument that the transformation copies.
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
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect

_HANDED_ON = ("append", "appendleft", "extend", "put", "update")
"""Methods that do on the host, with an array, what they were to do with the tracer."""

_BODIES = (
    "jax.lax.associative_scan",
    "jax.lax.cond",
    "jax.lax.fori_loop",
    "jax.lax.map",
    "jax.lax.scan",
    "jax.lax.switch",
    "jax.lax.while_loop",
    "jax.vmap",
)


def check(unit: Unit) -> Iterator[Finding]:
    for number, effect in enumerate(unit.effects):
        certainty = _leaks(effect)
        if certainty is Certainty.NO:
            continue
        keeps = "keeps" if certainty is Certainty.YES else "may keep"
        fixes: tuple[FixRef, ...] = ()
        if _call(unit, effect) is not None:
            title = f"Call `{effect.name}` by `jax.debug.callback`"
            fixes = (FixRef("debug-callback", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=effect.span,
            message=(
                f"`{effect.name}` {keeps} a tracer when `{effect.function}` has traced "
                f"`{effect.enclosing}`, and what uses it then raises `UnexpectedTracerError`"
            ),
            certainty=certainty,
            related=effect.related,
            fixes=fixes,
        )


def _leaks(effect: Effect) -> Certainty:
    if effect.kind != "write" or not effect.traced or effect.legitimate:
        return Certainty.NO
    if effect.copied or effect.put_back or _is_list_of_a_body(effect):
        return Certainty.NO
    certainty = min(effect.value, effect.certainty)
    if effect.category != "argument":
        return certainty
    return Certainty.MAYBE if certainty is Certainty.YES else Certainty.NO  # it may be thrown away


def _is_list_of_a_body(effect: Effect) -> bool:
    """A list to which the body of a loop appends: that is a rule of its own."""
    appends = isinstance(effect.node, ast.Call) and effect.category == "nonlocal"
    return appends and effect.function in _BODIES


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = _call(unit, unit.effects[reference.data])
    if call is None:
        return None
    callback = edits.spell(unit, "jax.debug.callback")
    method = edits.source(unit, call.func)
    start = unit.model.module.span(call.func)
    opening = edits.text(unit, Span(start.end, unit.model.module.span(call.args[0]).start))
    edit = Edit(Span(start.start, start.end + len(opening)), f"{callback.text}{opening}{method}, ")
    return Fix(reference.title, (edit, *callback.edits), reference.applicability)


def _call(unit: Unit, effect: Effect) -> ast.Call | None:
    """The call of `log.append(x)` and its like, if it is a statement of its own."""
    place = edits.place_at(unit, effect.span.start)
    call = place.node.value if place is not None and isinstance(place.node, ast.Expr) else None
    if not isinstance(call, ast.Call) or unit.model.module.span(call) != effect.span:
        return None
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _HANDED_ON:
        return None
    plain = call.args and not any(isinstance(a, (ast.Starred, ast.GeneratorExp)) for a in call.args)
    return call if plain and not call.keywords and len(call.args) == 1 else None


RULE = Rule(
    name="leaked-tracer",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("leak-to-global-or-self",),
    errors=(
        "UnexpectedTracerError: Encountered an unexpected tracer. A function transformed by JAX had a side effect",
    ),
    examples=(
        Example(
            """
            import jax

            history = []

            @jax.jit
            def step(x):
                y = x * 2
                history.append(y)  # error: [leaked-tracer]
                return y
            """,
            fixed="""
            import jax

            history = []

            @jax.jit
            def step(x):
                y = x * 2
                jax.debug.callback(history.append, y)
                return y
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def step(x):
                y = x * 2
                return y, y

            history = []
            x, y = step(1.0)
            history.append(y)
            """
        ),
    ),
)

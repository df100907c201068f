"""Compiles again in every iteration.

## Why is this bad?

JAX keeps compiled code by function object. `jax.jit` of a lambda, of a function defined in the loop, of
a `partial`, of a bound method, or of the result of `jax.grad` or `jax.vmap` is a new object each time,
so each iteration traces and compiles anew: often seconds instead of microseconds. The same holds
in a function that a loop calls.

## Fix safety

Unsafe: the compiled function is made once, before the loop. Offered where it does not depend on what
the loop changes; what it captures then is captured once. Otherwise pass what changes as an argument.

## Limits

`jax.jit` of one and the same function hits the cache and is not reported, nor is one whose result is
kept for later, or made in a loop over a literal tuple or list. Inside traced code `jit` is inlined.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Related,
    Route,
    Severity,
    Span,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Compilation

_Bound = dict[ast.AST, set[str]]
"""The names that each loop binds, once someone has asked."""


def check(unit: Unit) -> Iterator[Finding]:
    bound: _Bound = {}
    for number, compilation in enumerate(unit.compilations):
        where = (
            "each iteration" if compilation.in_loop else f"each call of `{compilation.enclosing}`"
        )
        article = "a" if compilation.what != "bound method" else "this"
        related: tuple[Related | Route, ...] = compilation.called
        if compilation.loop_span is not None:
            related = (Related(compilation.loop_span, "the loop"),)
        fixes: tuple[FixRef, ...] = ()
        if _hoisted(unit, compilation, bound) is not None:
            fixes = (
                FixRef("hoist", "Compile once, before the loop", Applicability.UNSAFE, number),
            )
        yield Finding(
            span=compilation.span,
            message=(
                f"`{compilation.function}` of {article} {compilation.what} is new in {where}, "
                "so it is traced and compiled again each time"
            ),
            related=related,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = _hoisted(unit, unit.compilations[reference.data], {})
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _hoisted(unit: Unit, compilation: Compilation, bound: _Bound) -> tuple[Edit, ...] | None:
    """The edits that make the function before the loop; None where it depends on the loop."""
    loop, node = compilation.loop, compilation.node
    if not isinstance(loop, (ast.For, ast.While)) or not isinstance(node, ast.Call):
        return None
    if loop not in bound:
        bound[loop] = edits.names_bound_in(loop)
    if not bound[loop].isdisjoint(edits.names_in(node)):
        return None
    outer = edits.place_at(unit, unit.model.module.span(loop).start)
    inner = edits.place_at(unit, compilation.span.start)
    if outer is None or inner is None or outer.node is not loop:
        return None
    statement = inner.node
    if isinstance(statement, ast.Assign) and statement.value is node:
        return _moved(unit, inner, outer)
    name = edits.fresh_name(unit, "compiled")
    text = edits.text(unit, compilation.span)
    line = edits.insert_before(unit, outer, f"{name} = {text}")
    return None if line is None or "\n" in text else (line, Edit(compilation.span, name))


def _moved(unit: Unit, statement: edits.Place, loop: edits.Place) -> tuple[Edit, ...] | None:
    """An assignment moved before the loop, if it has lines of its own."""
    text = edits.text(unit, statement.span)
    analysed = unit.model.module.analysed
    first, last = analysed.line_of(statement.span.start), analysed.line_of(statement.span.end)
    alone = edits.starts_its_line(unit, statement.span) and first == last
    alone = (
        alone and analysed.line_span(last).end == statement.span.end and len(statement.block) > 1
    )
    line = edits.insert_before(unit, loop, text)
    if line is None or not alone or last + 1 >= len(analysed.line_starts):
        return None
    return line, Edit(Span(analysed.line_starts[first], analysed.line_starts[last + 1]), "")


RULE = Rule(
    name="jit-in-loop",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("jit-in-loop-or-hot-function",),
    examples=(
        Example(
            """
            import jax

            def descend(w, loss, steps):
                for _ in range(steps):
                    w = w - 0.1 * jax.jit(jax.grad(lambda p: (p**2).sum()))(w)  # error: [jit-in-loop]
                return w
            """,
            fixed="""
            import jax

            def descend(w, loss, steps):
                compiled = jax.jit(jax.grad(lambda p: (p**2).sum()))
                for _ in range(steps):
                    w = w - 0.1 * compiled(w)
                return w
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def gradient(p):
                return jax.grad(lambda q: (q**2).sum())(p)

            def descend(w, steps):
                for _ in range(steps):
                    w = w - 0.1 * gradient(w)
                return w
            """
        ),
    ),
)

"""Compiles again in every iteration.

## Why is this bad?

JAX keeps compiled code by function object. `jax.jit` of a lambda, of a function defined in the loop, of
a `partial`, of a bound method, or of the result of `jax.grad` or `jax.vmap` is a new object each time,
so each iteration traces and compiles anew: often seconds instead of microseconds. The same holds
in a function that a loop calls.

## Fix safety

Unsafe: the compiled function is made once, before the loop or in the module. Offered where it does not depend on what
the loop changes, or the function has; what it captures then is captured once. Otherwise pass what changes as an argument.

## Limits

`jax.jit` of one and the same function hits the cache and is not reported, nor is one whose result is
kept for later, or made in a loop over a literal tuple or list. Inside traced code `jit` is inlined.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Finding,
    Fix,
    FixRef,
    Related,
    Route,
    Severity,
)
from jaxsight_analyzers.fixes.hoisting import hoisted
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, compilation in enumerate(unit.compilations):
        where = (
            "each iteration" if compilation.in_loop else f"each call of `{compilation.enclosing}`"
        )
        article = "a" if compilation.what != "bound method" else "this"
        related: tuple[Related | Route, ...] = compilation.called
        if compilation.loop_span is not None:
            related = (Related(compilation.loop_span, "the loop"),)
        fixes: tuple[FixRef, ...] = ()
        if (found := hoisted(unit, compilation)) is not None:
            fixes = (FixRef("hoist", found.title, Applicability.UNSAFE, number),)
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
    found = hoisted(unit, unit.compilations[reference.data])
    return None if found is None else Fix(reference.title, found.edits, reference.applicability)


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

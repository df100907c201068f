"""Unrolls a long Python loop while tracing.

## Why is this bad?

Python runs the loop while `jax.jit` traces, so the compiled program holds the body once for each
iteration, and tracing and compiling take longer with each: 500 steps of `jnp.tanh(x @ w)` compile in
40 seconds on a CPU, `jax.lax.fori_loop` over the same body in less than half a second. The program that runs is
hardly faster. What people see is a `jit` that hangs at its first call, or a warning of XLA such as
`Very slow compile? If you want to file a bug, run with envvar XLA_FLAGS=--xla_dump_to`.

`jax.lax.fori_loop` carries values from one iteration to the next, `jax.lax.scan` also takes slices of
arrays and stacks results, and `jax.vmap` does independent iterations at once.

## Fix safety

Unsafe: what the loop carries keeps its shape and dtype in a loop of JAX, and the counter becomes an array. The loop is
rewritten where its body only computes: where it calls functions of JAX and of the file and binds names; where it carries arrays
and numbers, and lists that it fills are stacked after it. There is no fix for bodies with effects, `break`, `return` or attributes of `self`.

## Limits

Short loops are often faster unrolled. Reported from 16 iterations on, where compiling takes
several times as long as that of a loop of JAX; `thresholds.python-loop-unroll` in the settings says another
number. How often a statement over the length of an array runs is not known: that is reported as "may". Loops
that index lists and dicts, that make layers, slice arrays by their counter or decide branches by it are
not reported, because no loop of JAX does that.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Certainty,
    Finding,
    Severity,
)
from jaxsight_analyzers.fixes import loop_fixes
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.loop_streams import Loop


def check(unit: Unit) -> Iterator[Finding]:
    least = unit.threshold(RULE)
    for number, loop in enumerate(unit.loops):
        if not (loop.compiled and loop.carries_tracers) or (loop.count or least) < least:
            continue
        if loop.leaves or loop.makes_objects or loop.needs_number or not loop.computes:
            continue
        if loop.count is None and (loop.size is None or not loop.is_statement):
            continue
        yield Finding(
            span=loop.span,
            message=_message(loop),
            certainty=Certainty.MAYBE if loop.count is None else Certainty.YES,
            related=loop.related,
            fixes=loop_fixes.offered(unit, loop, number),
        )


def _message(loop: Loop) -> str:
    if loop.count is not None:
        return (
            f"`{loop.header}` is unrolled by `{loop.function}`: the compiled program holds its body "
            f"{loop.count} times, and compiling takes as many times as long"
        )
    return (
        f"`{loop.header}` is unrolled by `{loop.function}`: the compiled program holds its body as often "
        f"as `{loop.size}` says, which may take long to compile"
    )


RULE = Rule(
    name="python-loop-unroll",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=loop_fixes.fix,
    structural=frozenset({"use-fori-loop", "use-scan", "use-vmap"}),
    threshold=16,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def rollout(x, w):
                for t in range(500):  # error: [python-loop-unroll]
                    x = jnp.tanh(x @ w + t)
                return x
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def rollout(x, w):
                x = jax.lax.fori_loop(0, 500, lambda t, x: jnp.tanh(x @ w + t), x)
                return x
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def rollout(x, w):
                return jax.lax.fori_loop(0, 500, lambda t, x: jnp.tanh(x @ w + t), x)
            """
        ),
    ),
)

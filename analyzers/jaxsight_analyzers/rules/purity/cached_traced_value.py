"""Caches what is computed in traced code.

## Why is this bad?

`functools.lru_cache` and `functools.cache` keep what a function returned. Where the function makes arrays with
`jax.numpy` and is called while JAX traces, that is a tracer of this one trace, and the next call gets it from the cache:

    UnexpectedTracerError: Encountered an unexpected tracer.

Called with a tracer it fails at once: `TypeError: unhashable type: 'DynamicJaxprTracer'`. Make the cached value
with NumPy: it is a constant to every trace.

## Fix safety

Unsafe: NumPy computes in double precision where JAX takes single.

## Limits

Caches of Python values, of NumPy arrays and of functions are fine, and not reported. Dicts of the module that serve as caches are
`leaked-tracer`'s.
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
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect


def check(unit: Unit) -> Iterator[Finding]:
    for number, effect in enumerate(unit.effects):
        certainty = _certainty(effect)
        if certainty is Certainty.NO:
            continue
        fixes: tuple[FixRef, ...] = ()
        if effect.passed is Certainty.NO and _as_numpy(unit, effect):
            title = f"Make what `{effect.name}` caches with NumPy"
            fixes = (FixRef("use-numpy", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=effect.span,
            message=f"the cache of `{effect.name}` {_what(effect, certainty)}",
            certainty=certainty,
            related=effect.related,
            fixes=fixes,
        )


def _certainty(effect: Effect) -> Certainty:
    if effect.kind != "cache" or not effect.traced or effect.legitimate:
        return Certainty.NO
    certainty = effect.passed or min(effect.value, effect.certainty)
    if isinstance(
        effect.node, ast.Attribute
    ):  # a cached property: its object may go with the trace
        certainty = min(certainty, Certainty.MAYBE)
    return certainty


def _what(effect: Effect, certainty: Certainty) -> str:
    may = "may be" if certainty is Certainty.MAYBE else "is"
    if effect.passed is not Certainty.NO:
        return f"{may} given a tracer, which cannot be hashed"
    keeps = "may keep" if certainty is Certainty.MAYBE else "keeps"
    return (
        f"{keeps} a tracer when `{effect.function}` has traced `{effect.enclosing}`, and what gets it "
        "from there raises `UnexpectedTracerError`"
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    made = _as_numpy(unit, unit.effects[reference.data])
    return Fix(reference.title, made, reference.applicability) if made else None


def _as_numpy(unit: Unit, effect: Effect) -> tuple[Edit, ...]:
    """The edits that make the cached function use NumPy; none where it uses more of JAX than NumPy has."""
    functions = [
        d for d in unit.model.definitions if d.name == effect.what and d.kind == "function"
    ]
    if len(functions) != 1:
        return ()
    inside = functions[0].span
    found: dict[Edit, None] = {}
    for other in unit.others:
        for reference in other.references:
            span = reference.span
            if not (inside.start <= span.start and span.end <= inside.end):
                continue
            if reference.qualified.partition(".")[0] != "jax":
                continue
            name = reference.qualified.removeprefix("jax.numpy.")
            facts = unit.knowledge.function(f"numpy.{name}")
            known = facts is not None and (facts.specific or facts.counterpart is not None)
            if "." in name or not known:
                return ()
            numpy = edits.spell(unit, f"numpy.{name}")
            found.update(dict.fromkeys((Edit(span, numpy.text), *numpy.edits)))
    return tuple(found)


RULE = Rule(
    name="cached-traced-value",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "UnexpectedTracerError: Encountered an unexpected tracer. A function transformed by JAX had a side effect",
    ),
    examples=(
        Example(
            """
            import functools
            import jax
            import jax.numpy as jnp

            @functools.lru_cache
            def freqs(n):
                return jnp.arange(n) / n

            @jax.jit
            def f(x):
                return x * freqs(x.shape[0])  # error: [cached-traced-value]
            """,
            fixed="""
            import functools
            import jax
            import jax.numpy as jnp
            import numpy as np

            @functools.lru_cache
            def freqs(n):
                return np.arange(n) / n

            @jax.jit
            def f(x):
                return x * freqs(x.shape[0])
            """,
        ),
        Example(
            """
            import functools
            import jax
            import numpy as np

            @functools.lru_cache
            def freqs(n):
                return np.arange(n) / n

            @jax.jit
            def f(x):
                return x * freqs(x.shape[0])
            """
        ),
    ),
)

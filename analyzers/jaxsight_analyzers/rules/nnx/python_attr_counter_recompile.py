"""Counts with a Python number in an NNX module while it is compiled.

## Why is this bad?

What is no array and no variable in a module is static: `nnx.jit` compiles for its value. `self.steps += 1` in a compiled call makes it another one, and
the next call compiles anew, every time, silently. An `nnx.Variable` of an array is data, and counts without that.

## Fix safety

Unsafe: the attribute becomes an `nnx.Variable` that holds an array, which code that needs a Python number of it does not take.

## Limits

Reported where the constructor gives the attribute a number and nothing else assigns it, and where the method is seen to run under a transformation of NNX that compiles.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import Counter


def check(unit: Unit) -> Iterator[Finding]:
    for number, counter in enumerate(unit.nnx_counters):
        fixes: tuple[FixRef, ...] = ()
        if _is_here(unit, counter):
            title = f"Make `{counter.name}` an `nnx.Variable`"
            fixes = (FixRef("make-variable", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=counter.span,
            message=f"`{counter.name}` is a Python number, so that each call under `{counter.by}` changes what is static and compiles anew",
            fixes=fixes,
        )


def _is_here(unit: Unit, counter: Counter) -> bool:
    return unit.model.module.owns(counter.start)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    counter = unit.nnx_counters[reference.data]
    variable, array = edits.spell(unit, "flax.nnx.Variable"), edits.spell(unit, "jax.numpy.array")
    span = unit.model.module.span(counter.start)
    start = f"{variable.text}({array.text}({edits.source(unit, counter.start)}))"
    end = counter.span.end
    changes = (Edit(Span(end, end), "[...]"), Edit(span, start), *variable.edits, *array.edits)
    return Fix(reference.title, changes, reference.applicability)


RULE = Rule(
    name="python-attr-counter-recompile",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self):
                    self.steps = 0

                def __call__(self, x):
                    self.steps += 1  # error: [python-attr-counter-recompile]
                    return x

            @nnx.jit
            def step(model, x):
                return model(x)

            step(Model(), jnp.ones(2))
            """,
            fixed="""
            import jax.numpy as jnp
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self):
                    self.steps = nnx.Variable(jnp.array(0))

                def __call__(self, x):
                    self.steps[...] += 1
                    return x

            @nnx.jit
            def step(model, x):
                return model(x)

            step(Model(), jnp.ones(2))
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self):
                    self.steps = 0

                def __call__(self, x):
                    self.steps += 1
                    return x

            model = Model()
            model(jnp.ones(2))
            """
        ),
    ),
)

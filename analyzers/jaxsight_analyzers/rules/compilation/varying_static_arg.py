"""Passes another number for a static argument in each iteration of a loop.

## Why is this bad?

`jax.jit` compiles a function for each value of its static arguments: a step counter or a learning rate that is static
compiles it in each iteration, which takes much longer than the step itself, and what was compiled is kept. The function
only computes with this argument, so it can be traced like the others, and is compiled once. With `JAX_LOG_COMPILES=1` each
compilation is logged; `jax.config.update("jax_explain_cache_misses", True)` says why.

## Fix safety

Unsafe: a traced number has the dtype of an array, and other callers may pass what cannot be traced.

## Limits

Reported where the loop counts (`range`, `enumerate`, `linspace`, `step += 1`) and the argument is a number that is computed
from the counter, or the counter itself, and where the function does nothing with the parameter but arithmetic with traced
arguments. A size, an exponent, a flag or a number that Python branches on has to be static, and is not reported. Loops of a few
iterations are not either; `thresholds` sets from how many on it reports.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import static_arguments
from jaxsight_analyzers.fixes.static_arguments import Parameter
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Varying


def check(unit: Unit) -> Iterator[Finding]:
    least = unit.threshold(RULE)
    for number, varying in enumerate(unit.varying):
        if varying.passes is not None and varying.passes < least:
            continue
        fixes: tuple[FixRef, ...] = ()
        if static_arguments.unmark(unit, _parameter(varying)) is not None:
            title = f"Trace `{varying.parameter}`"
            fixes = (FixRef("trace", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=varying.span,
            message=(
                f"`{varying.text}` is another number in each iteration and static `{varying.parameter}` of "
                f"`{varying.called}`, which compiles anew each time"
            ),
            related=varying.related,
            fixes=fixes,
        )


def _parameter(varying: Varying) -> Parameter:
    return Parameter(varying.parameter, varying.function, varying.compiled_by)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = static_arguments.unmark(unit, _parameter(unit.varying[reference.data]))
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


RULE = Rule(
    name="varying-static-arg",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    threshold=5,
    examples=(
        Example(
            """
            import jax

            step = jax.jit(lambda x, lr: x - lr * x, static_argnums=1)

            def train(x):
                for i in range(100):
                    x = step(x, 0.1 / (i + 1))  # error: [varying-static-arg]
                return x
            """,
            fixed="""
            import jax

            step = jax.jit(lambda x, lr: x - lr * x)

            def train(x):
                for i in range(100):
                    x = step(x, 0.1 / (i + 1))
                return x
            """,
        ),
        Example(
            """
            import jax

            first = jax.jit(lambda x, n: x[:n], static_argnums=1)

            def train(x):
                return [first(x, n) for n in range(100)]
            """
        ),
    ),
)

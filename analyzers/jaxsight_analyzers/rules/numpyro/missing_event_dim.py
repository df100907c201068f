"""Draws in a plate from a distribution whose batch has another size.

## Why is this bad?

A plate is an axis of what is drawn in it: the first one that is entered is the last axis, the next one the one before. The parameters of a distribution have to fit that, and where they have more values,
because each member of the plate has a vector, NumPyro raises `ValueError: Incompatible shapes for broadcasting: shapes=[(10,), (3,)]`. `.to_event(1)` says that the last axis belongs
to one value: its density is the sum over it, and what is drawn has the shape of the plates before that of the event.

## Fix safety

Unsafe: where the plate has the wrong size, or the axes are in the wrong order, that is what is to be mended.

## Limits

Plates that stand in the function itself, with a size that is a number or a name for one, and distributions of one real number such as `Normal` and `StudentT`, whose parameters' shapes the text says, in functions
that an inference of the same file is given.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, missing in enumerate(unit.missing_events):
        fixes: tuple[FixRef, ...] = ()
        if missing.events is not None:
            title = f"Make an event of it with `.to_event({missing.events})`"
            fixes = (FixRef("to-event", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=missing.span,
            message=f"the plate `{missing.plate}` fails: its size is {missing.size}, and `{missing.text}` has a batch of the shape {missing.shape}",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    missing = unit.missing_events[reference.data]
    end = missing.span.end
    edit = Edit(Span(end, end), f".to_event({missing.events})")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="missing-event-dim",
    aliases=("missing-plate-or-event-dim",),
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=("ValueError: Incompatible shapes for broadcasting",),
    raising=r"\.run\(",
    examples=(
        Example(
            """
            import jax.numpy as jnp
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                with numpyro.plate("people", 10):
                    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0))  # error: [missing-event-dim]
                numpyro.sample("y", dist.Normal(w.sum(-1), 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """,
            fixed="""
            import jax.numpy as jnp
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                with numpyro.plate("people", 10):
                    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0).to_event(1))
                numpyro.sample("y", dist.Normal(w.sum(-1), 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                with numpyro.plate("people", 10):
                    w = numpyro.sample("w", dist.Normal(jnp.zeros((3, 10)), 1.0))
                numpyro.sample("y", dist.Normal(w.sum(0), 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

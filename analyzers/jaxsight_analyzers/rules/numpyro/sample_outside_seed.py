"""Draws from a model that nothing gives a key.

## Why is this bad?

`numpyro.sample` draws with the key that an inference or `numpyro.handlers.seed` hands to the model. Called on its own, or in a model that is called as a plain function, it has none,
and fails in the distribution: an `AssertionError` without a text, from `assert is_prng_key(key)`.

## Fix safety

Unsafe: which key is meant, only you know. The model is called through `numpyro.handlers.seed(model, rng_seed=0)`.

## Limits

Only calls in the module's own code are reported, of models that draw without a key themselves: a function may be called by others that have given it one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import Unseeded


def check(unit: Unit) -> Iterator[Finding]:
    for number, draw in enumerate(unit.unseeded_sites):
        fixes: tuple[FixRef, ...] = ()
        if draw.function is not None and isinstance(draw.node, ast.Call):
            title = f"Give `{draw.function}` a key"
            fixes = (FixRef("seed-model", title, Applicability.UNSAFE, number),)
        yield Finding(span=draw.span, message=_message(draw), fixes=fixes)


def _message(draw: Unseeded) -> str:
    named = "a site" if draw.name is None else f"the site `{draw.name}`"
    if draw.function is None:
        return f"{named} is drawn outside of a model, where nothing gives it a key: pass `rng_key`"
    return f"`{draw.function}` draws {named} without a key: run it by an inference or under `numpyro.handlers.seed`"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.unseeded_sites[reference.data].node
    if not isinstance(call, ast.Call):
        return None
    seed = edits.spell(unit, "numpyro.handlers.seed")
    span = unit.model.module.span(call.func)
    text = f"{seed.text}({edits.source(unit, call.func)}, rng_seed=0)"
    return Fix(reference.title, (Edit(span, text), *seed.edits), reference.applicability)


RULE = Rule(
    name="sample-outside-seed",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("AssertionError",),
    raising=r"sample\(|is_prng_key",
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist

            def model():
                return numpyro.sample("x", dist.Normal(0.0, 1.0))

            x = model()  # error: [sample-outside-seed]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist

            def model():
                return numpyro.sample("x", dist.Normal(0.0, 1.0))

            x = numpyro.handlers.seed(model, rng_seed=0)()
            """,
        ),
        Example(
            """
            import jax
            import numpyro
            import numpyro.distributions as dist

            x = numpyro.sample("x", dist.Normal(0.0, 1.0), rng_key=jax.random.key(0))
            """
        ),
    ),
)

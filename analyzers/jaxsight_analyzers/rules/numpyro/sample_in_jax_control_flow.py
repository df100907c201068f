"""Draws in a function that JAX traces inside of a NumPyro model.

## Why is this bad?

NumPyro follows a model by its sites. A site in the body of `jax.lax.scan`, `cond`, `fori_loop` or `while_loop`, or in a function under `jax.vmap`, `jit` or `grad` inside of the
model, has the tracers of that body, which NumPyro then keeps: `UnexpectedTracerError: Encountered an unexpected tracer. A function transformed by JAX had a side effect`. Where JAX has the body
compiled already, the site is left out without a word, and with it its prior or its data. All steps draw with the same key, too.

## Fix safety

Unsafe: `numpyro.contrib.control_flow.scan` and `cond` run bodies with sites, but what they draw then counts. For `jax.vmap` there is `numpyro.plate`.

## Limits

Sites under `with numpyro.handlers.seed(...)` or another handler in the body are meant to be hidden. A function that no inference is seen to
run is reported as "may", if it draws without a key in the body of a loop.
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
from jaxsight_analyzers.semantic.site_streams import Site
from jaxsight_analyzers.semantic.spelling import display

_KINDS = ("sample", "deterministic", "factor")
_LOOPS = tuple(
    f"jax.lax.{name}" for name in ("scan", "fori_loop", "while_loop", "map", "cond", "switch")
)
_OWN = {"jax.lax.scan": "scan", "jax.lax.cond": "cond"}
_MODULE = "numpyro.contrib.control_flow"


def check(unit: Unit) -> Iterator[Finding]:
    best: dict[ast.AST, tuple[Certainty, int, Site]] = {}
    for number, site in enumerate(unit.sites):
        certainty = _hidden(site)
        before = best.get(site.node)
        if certainty is not Certainty.NO and (before is None or certainty > before[0]):
            best[site.node] = certainty, number, site
    for certainty, number, site in best.values():
        yield Finding(
            span=site.span,
            message=_message(site, certainty),
            certainty=certainty,
            related=site.related,
            fixes=tuple(_fixes(unit, site, number)),
        )


def _hidden(site: Site) -> Certainty:
    """Whether what traces the code around a site hides it from the model that it is a part of."""
    if site.handled or site.kind not in _KINDS or not site.tracer.startswith("jax."):
        return Certainty.NO
    if site.in_model:
        return Certainty.YES
    draws = site.kind == "sample" and site.observed is Certainty.NO and "rng_key" not in site.given
    return Certainty.MAYBE if draws and site.tracer in _LOOPS else Certainty.NO


def _message(site: Site, certainty: Certainty) -> str:
    named = "a site" if site.name is None else f"the site `{site.name}`"
    if certainty is Certainty.YES:
        return f"`{display(site.tracer)}` hides {named} from NumPyro: inference fails because of a leaked tracer, or leaves it out"
    return (
        f"`{display(site.tracer)}` may hide {named} from NumPyro, and draws the same in each step"
    )


def _fixes(unit: Unit, site: Site, number: int) -> Iterator[FixRef]:
    own = _OWN.get(site.tracer)
    if own is not None and _function(unit, site) is not None:
        title = f"Use `{_MODULE}.{own}`"
        yield FixRef("use-own-control-flow", title, Applicability.UNSAFE, number)


def _function(unit: Unit, site: Site) -> ast.expr | None:
    """What is called to run the body, where that is written out in this file."""
    call = site.traced_by
    if not isinstance(call, ast.Call) or not unit.model.module.owns(call):
        return None
    written = edits.source(unit, call.func)
    return call.func if written.rpartition(".")[2] == _OWN[site.tracer] else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    site = unit.sites[reference.data]
    function = _function(unit, site)
    if function is None:
        return None
    made = edits.spell_member(unit, _MODULE, _OWN[site.tracer])
    span = unit.model.module.span(function)
    return Fix(reference.title, (Edit(span, made.text), *made.edits), reference.applicability)


RULE = Rule(
    name="sample-in-jax-control-flow",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "UnexpectedTracerError: Encountered an unexpected tracer. A function transformed by JAX had a side effect",
    ),
    raising=r"\bsample\(|\.run\(",
    examples=(
        Example(
            """
            import jax
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def walk(y):
                def step(position, _):
                    position = numpyro.sample("position", dist.Normal(position, 1.0))  # error: [sample-in-jax-control-flow]
                    return position, position

                last, _ = jax.lax.scan(step, 0.0, None, length=10)
                numpyro.sample("y", dist.Normal(last, 1.0), obs=y)

            mcmc = MCMC(NUTS(walk), num_warmup=500, num_samples=500)
            """,
            fixed="""
            import jax
            import numpyro
            import numpyro.distributions as dist
            from numpyro.contrib.control_flow import scan
            from numpyro.infer import MCMC, NUTS

            def walk(y):
                def step(position, _):
                    position = numpyro.sample("position", dist.Normal(position, 1.0))
                    return position, position

                last, _ = scan(step, 0.0, None, length=10)
                numpyro.sample("y", dist.Normal(last, 1.0), obs=y)

            mcmc = MCMC(NUTS(walk), num_warmup=500, num_samples=500)
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.contrib.control_flow import scan
            from numpyro.infer import MCMC, NUTS

            def walk(y):
                def step(position, _):
                    position = numpyro.sample("position", dist.Normal(position, 1.0))
                    return position, position

                last, _ = scan(step, 0.0, None, length=10)
                numpyro.sample("y", dist.Normal(last, 1.0), obs=y)

            mcmc = MCMC(NUTS(walk), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

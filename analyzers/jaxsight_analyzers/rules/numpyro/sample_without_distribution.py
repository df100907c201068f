"""Gives `numpyro.sample` an array, a number or a class where it takes a distribution.

## Why is this bad?

A site is a name and a distribution. A value in its place, such as one that was drawn already, raises when the model runs: `TypeError: Invalid type for 'fn': expected an instance of numpyro.distributions.Distribution`. What is computed in a
model is recorded by `numpyro.deterministic`, and what is known about a site is given by `obs=`. `dist.Normal` without parentheses is a class and no distribution; who swaps name and distribution gets the same.

## Fix safety

Unsafe: `numpyro.deterministic`, which records a value that has no density: another model than one that draws it.

## Limits

Reported where what is given is known to be an array, a number, a text or a class.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import Site

_WORDS = {"array": "an array", "number": "a number", "class": "a class", "text": "a text"}


def check(unit: Unit) -> Iterator[Finding]:
    seen: set[object] = set()
    for number, site in enumerate(unit.sites):
        argument = site.given.get("fn")
        if site.kind != "sample" or not site.instead or argument is None or site.node in seen:
            continue
        seen.add(site.node)
        name = "a site" if site.name is None else f"the site `{site.name}`"
        yield Finding(
            span=unit.model.module.span(argument),
            message=f"{name} raises: `{edits.source(unit, argument)}` is {_WORDS[site.instead]} and no distribution",
            fixes=tuple(_fixes(site, number)),
        )


def _fixes(site: Site, number: int) -> Iterator[FixRef]:
    node = site.node
    if site.instead in ("array", "number") and not (len(node.args) != 2 or node.keywords):
        title = "Record it by `numpyro.deterministic`"
        yield FixRef("use-deterministic", title, Applicability.UNSAFE, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.sites[reference.data].node
    function = edits.spell(unit, "numpyro.deterministic")
    edit = Edit(unit.model.module.span(node.func), function.text)
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="sample-without-distribution",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Invalid type for 'fn': expected an instance of numpyro.distributions.Distribution",
    ),
    examples=(
        Example(
            """
            import jax
            import numpyro
            import numpyro.distributions as dist

            def model(x, y):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                mean = numpyro.sample("mean", jax.numpy.exp(w * x))  # error: [sample-without-distribution]
                numpyro.sample("y", dist.Normal(mean, 1.0), obs=y)
            """,
            fixed="""
            import jax
            import numpyro
            import numpyro.distributions as dist

            def model(x, y):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                mean = numpyro.deterministic("mean", jax.numpy.exp(w * x))
                numpyro.sample("y", dist.Normal(mean, 1.0), obs=y)
            """,
        ),
        Example(
            """
            import jax
            import numpyro
            import numpyro.distributions as dist

            def model(x, y):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(jax.numpy.exp(w * x), 1.0), obs=y)
            """
        ),
    ),
)

"""Gives two sites of a NumPyro model the same name.

## Why is this bad?

Inference tells the sites of a model by their names. When it records the model, a `sample`, `deterministic` or `factor` site whose name another
site before it has fails: `AssertionError: all sites must have unique names but got 'x' duplicated`. It happens in Python loops whose
site has a constant name, in helper functions that are called twice, and where `numpyro.deterministic` gets the name of what was drawn. Plates
and parameters may share a name among each other, but what is drawn may not have the name of a plate or parameter before it.

## Fix safety

Unsafe: the site gets another name, which may be asked for elsewhere. In a loop over `range` or `enumerate` the counter goes into the name,
otherwise a number.

## Limits

Names count that are constants, f-strings of constants, or made of names that keep their values. Sites under `with numpyro.handlers.scope(...)` and other
handlers, and functions that handlers wrap, are not looked at together. A model that no inference is seen to run may be run with a `seed` alone, which does
not mind: it is reported as "may", and in tests not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Related,
    Severity,
)
from jaxsight_analyzers.fixes import site_names
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import RepeatedSite


def check(unit: Unit) -> Iterator[Finding]:
    for number, site in enumerate(unit.repeated_sites):
        related = () if site.in_loop else (Related(site.earlier_span, "the name is taken here"),)
        yield Finding(
            span=site.span,
            message=_message(site),
            certainty=site.certainty,
            related=related,
            fixes=tuple(_fixes(unit, site, number)),
        )


def _message(site: RepeatedSite) -> str:
    fails = "fails" if site.certainty is Certainty.YES else "then may fail"
    if site.in_loop and site.earlier is site.node:
        return (
            f"{site.by} names a site `{site.name}` in each iteration: inference {fails}, because the names of "
            "sites must be unique"
        )
    return (
        f"{site.by} names a site `{site.name}`, as a `{site.kind}` site before it is named: inference "
        f"{fails}, because the names of sites must be unique"
    )


def _fixes(unit: Unit, site: RepeatedSite, number: int) -> Iterator[FixRef]:
    if site.in_loop:
        if site_names.counted(unit, site.node) is not None:
            title = f"Name it `{site.name}_{{{site_names.counter_around(unit, site.node)}}}`"
            yield FixRef("name-by-counter", title, Applicability.UNSAFE, number)
    elif (name := site_names.numbered(unit, site.node)) is not None:
        yield FixRef("name-by-number", f"Name it `{name}`", Applicability.UNSAFE, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    site = unit.repeated_sites[reference.data]
    if reference.kind == "name-by-counter":
        edit = site_names.counted(unit, site.node)
    else:
        name = site_names.numbered(unit, site.node)
        edit = None if name is None else site_names.renamed(unit, site.node, name)
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="duplicate-site-name",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("AssertionError: all sites must have unique names but got `...` duplicated",),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                for i in range(3):
                    numpyro.sample("w", dist.Normal(0.0, 1.0))  # error: [duplicate-site-name]
                numpyro.sample("y", dist.Normal(0.0, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                for i in range(3):
                    numpyro.sample(f"w_{i}", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(0.0, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y, flag=True):
                if flag:
                    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
                else:
                    scale = numpyro.sample("scale", dist.Exponential(1.0))
                numpyro.sample("y", dist.Normal(0.0, scale), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

"""Draws whole numbers in a model that NUTS or HMC runs.

## Why is this bad?

NUTS and HMC follow gradients, which whole numbers do not have. What is drawn from `Poisson`, `NegativeBinomial` or another distribution whose values cannot be gone through fails:
`RuntimeError: This algorithm might only work for discrete sites with enumerate support. But the Poisson distribution at site z does not have enumerate support.`
What is drawn from `Bernoulli`, `Categorical`, `Binomial` and the like is summed over all of its values, which needs `funsor` (`ImportError: Looking like you want to do inference for models with discrete
latent variables.`), and NumPyro warns that such sites will have to be marked: `FutureWarning: Some algorithms will automatically enumerate the discrete latent site z of your model.`

## Fix safety

Safe: `infer={"enumerate": "parallel"}` says what NumPyro does anyway.

## Limits

Models count whose sampler is given to `MCMC` in sight. A site that is observed, or may be, is not reported, nor are models that `DiscreteHMCGibbs`, `MixedHMC` or `HMCGibbs` run, those that a handler such as `condition` wraps, and sites with
`infer=`. Discrete distributions of other libraries are not known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import Site

_SAMPLERS = ("numpyro.infer.NUTS", "numpyro.infer.HMC")


def check(unit: Unit) -> Iterator[Finding]:
    seen: set[ast.AST] = set()
    for number, site in enumerate(unit.sites):
        if site.node in seen or not _is_latent(site) or site.distribution is None:
            continue
        seen.add(site.node)
        name = "a site" if site.name is None else f"the site `{site.name}`"
        drawn = site.distribution.name.rpartition(".")[2]
        sampler = site.tracer.rpartition(".")[2]
        if site.distribution.draws == "discrete":
            yield Finding(
                span=site.span,
                message=f"`{sampler}` cannot draw {name}: `{drawn}` has whole numbers, without derivatives, and too many to sum over",
            )
            continue
        title = "Say that it is summed over"
        yield Finding(
            span=site.span,
            message=f"`{sampler}` sums over all values of {name}, a `{drawn}`, which may fail without `funsor` and warns without `infer=`",
            certainty=Certainty.MAYBE,
            fixes=(FixRef("mark-enumerated", title, Applicability.SAFE, number),),
        )


def _is_latent(site: Site) -> bool:
    """Whether NUTS or HMC has to draw a discrete site itself."""
    if site.kind != "sample" or site.observed is not Certainty.NO or "infer" in site.given:
        return False
    if site.distribution is None or site.distribution.draws not in ("discrete", "enumerable"):
        return False
    is_run = site.in_chains and site.tracer in _SAMPLERS
    return is_run and not (site.has_gibbs or site.handled or site.wrapped)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edit = edits.add_keyword(
        unit, unit.sites[reference.data].node, 'infer={"enumerate": "parallel"}'
    )
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="discrete-latent-nuts",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "RuntimeError: This algorithm might only work for discrete sites with enumerate support",
        "ImportError: Looking like you want to do inference for models with discrete latent variables",
    ),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def mixture(y):
                component = numpyro.sample("component", dist.Bernoulli(0.5))  # error: [discrete-latent-nuts]
                numpyro.sample("y", dist.Normal(component, 1.0), obs=y)

            mcmc = MCMC(NUTS(mixture), num_warmup=500, num_samples=500)
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def mixture(y):
                component = numpyro.sample("component", dist.Bernoulli(0.5), infer={"enumerate": "parallel"})
                numpyro.sample("y", dist.Normal(component, 1.0), obs=y)

            mcmc = MCMC(NUTS(mixture), num_warmup=500, num_samples=500)
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def counts(y):
                rate = numpyro.sample("rate", dist.Gamma(2.0, 1.0))
                numpyro.sample("y", dist.Poisson(rate), obs=y)

            mcmc = MCMC(NUTS(counts), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

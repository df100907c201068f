"""Takes a part of the data in a plate of a model that NUTS or HMC runs.

## Why is this bad?

`numpyro.plate(..., subsample_size=n)` draws another part of the data each time the model runs. NUTS and HMC need the same density each time, and fail:
`ValueError: Missing random key to generate subsample indices. Algorithms like HMC/NUTS do not support subsampling. You might want to use SVI or HMCECS instead.`

## Limits

Reported where the size of the part is a number. There is no fix: `HMCECS(NUTS(model))` estimates the density from parts, `SVI` is made for them, and without
`subsample_size` the model takes all data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import Site

_SAMPLERS = ("numpyro.infer.NUTS", "numpyro.infer.HMC")


def check(unit: Unit) -> Iterator[Finding]:
    seen: set[ast.AST] = set()
    for site in unit.sites:
        if site.node in seen or not _takes_parts(site):
            continue
        seen.add(site.node)
        sampler = site.tracer.rpartition(".")[2]
        name = "" if site.name is None else f" `{site.name}`"
        yield Finding(
            span=site.span,
            message=f"the plate{name} takes a part of the data, which `{sampler}` fails with: it needs all of it in each step",
        )


def _takes_parts(site: Site) -> bool:
    size = site.given.get("subsample_size")
    if (
        site.kind != "plate"
        or not isinstance(size, ast.Constant)
        or not isinstance(size.value, int)
    ):
        return False
    is_run = site.in_chains and site.tracer in _SAMPLERS
    whole = site.given.get("size")
    is_all = isinstance(whole, ast.Constant) and whole.value == size.value
    return is_run and not (is_all or site.has_gibbs or site.handled or site.wrapped)


RULE = Rule(
    name="subsampling-under-nuts",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("ValueError: Missing random key to generate subsample indices",),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                with numpyro.plate("data", y.shape[0], subsample_size=100):  # error: [subsampling-under-nuts]
                    batch = numpyro.subsample(y, event_dim=0)
                    numpyro.sample("y", dist.Normal(mu, 1.0), obs=batch)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import HMCECS, MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                with numpyro.plate("data", y.shape[0], subsample_size=100):
                    batch = numpyro.subsample(y, event_dim=0)
                    numpyro.sample("y", dist.Normal(mu, 1.0), obs=batch)

            mcmc = MCMC(HMCECS(NUTS(model)), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

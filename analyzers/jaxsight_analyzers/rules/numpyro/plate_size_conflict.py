"""Gives two plates of a model one name and two sizes.

## Why is this bad?

NumPyro knows a plate by its name. Inference runs the model again with what it saw the first time, and the plate that comes first then gets the size of the one that came last:
`ValueError: Model and guide shapes disagree at site: 'a': (4,) vs (3,)`, under MCMC as under SVI, for observed sites as for others. Where the model is only traced, as by `numpyro.render_model` or in a prediction, nothing is said.

## Limits

Sizes that are numbers, or names for such, and plates of one function are compared. There is no fix: which of the two names is the wrong one, only you know. Where no inference is seen to run the model it is "may".
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Related, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for conflict in unit.plate_conflicts:
        fails = "fails" if conflict.certainty is Certainty.YES else "may fail"
        yield Finding(
            span=conflict.span,
            message=f"the plate `{conflict.name}` has the size {conflict.size} here and {conflict.earlier_size} before: inference {fails}",
            certainty=conflict.certainty,
            related=(Related(conflict.earlier_span, f"the size is {conflict.earlier_size} here"),),
        )


RULE = Rule(
    name="plate-size-conflict",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("ValueError: Model and guide shapes disagree at site",),
    raising=r"\.run\(",
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                with numpyro.plate("groups", 3):
                    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                with numpyro.plate("groups", 4):  # error: [plate-size-conflict]
                    numpyro.sample("y", dist.Normal(mu.sum(), 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                with numpyro.plate("groups", 3):
                    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                with numpyro.plate("rows", 4):
                    numpyro.sample("y", dist.Normal(mu.sum(), 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

"""Gives `Predictive` the data that it is to predict.

## Why is this bad?

`Predictive(model, samples)(key, x, y)` runs the model with `y` observed, and returns the data themselves as predictions, once for each sample. Checks against the data are perfect then, and
silently mean nothing. Where `y` is left out, the model draws it.

## Fix safety

Unsafe: the argument goes, and the model draws what it observed before.

## Limits

Only parameters whose default is `None` and that the model gives to `obs=` as they are. Silent where `return_sites` or `infer_discrete` asks for other sites, without
`posterior_samples`, and in tests. It is reported as "may": deterministic sites and other predictions do not depend on what is observed.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Certainty, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, observed in enumerate(unit.observed):
        site = f"`{observed.parameter}`" if observed.site is None else f"the site `{observed.site}`"
        fixes: tuple[FixRef, ...] = ()
        if edits.without_argument(unit, observed.call, observed.node) is not None:
            title = f"Leave out `{observed.parameter}`"
            fixes = (FixRef("leave-out-observed", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=unit.model.module.span(observed.node),
            message=(
                f"`{observed.model}` observes `{observed.parameter}`: given here, the predictions of {site} may be the data themselves"
            ),
            certainty=Certainty.MAYBE,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    observed = unit.observed[reference.data]
    edit = edits.without_argument(unit, observed.call, observed.node)
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="obs-kept-in-predictive",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(x, y=None):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(w * x, 1.0), obs=y)

            def predict(key, samples, x, y):
                return Predictive(model, samples)(key, x, y)["y"]  # error: [obs-kept-in-predictive]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(x, y=None):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(w * x, 1.0), obs=y)

            def predict(key, samples, x, y):
                return Predictive(model, samples)(key, x)["y"]
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(x, y=None):
                w = numpyro.sample("w", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(w * x, 1.0), obs=y)

            def predict(key, samples, x):
                return Predictive(model, samples)(key, x, None)["y"]
            """
        ),
    ),
)

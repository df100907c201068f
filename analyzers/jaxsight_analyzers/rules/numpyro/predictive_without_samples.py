"""Makes a `Predictive` that does not know how many samples to draw.

## Why is this bad?

`Predictive` draws once for each sample of the posterior that it is given, or `num_samples` times. With neither it raises where it is made: `ValueError: Either posterior_samples or num_samples must be specified.`
A guide and its `params` do not say how many. With a guide and samples of the posterior it is `ValueError: Only one of guide or posterior_samples can be provided, not both.`

## Fix safety

Unsafe: how many samples are wanted, only you know. The fix asks for 1000.

## Limits

Silent where arguments are passed on by `*` or `**`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.values import MISSING, Kind

_NAMES = ("numpyro.infer.Predictive", "numpyro.infer.util.Predictive")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_NAMES):
        if _is_open(call) or not call.node.args + call.node.keywords:
            continue
        given = {one.parameter for one in call.arguments if one.constant is not None}
        if not {"posterior_samples", "num_samples"} & given:
            title = "Draw 1000 samples"
            yield Finding(
                span=call.span,
                message="`Predictive` raises: it is given neither samples of the posterior nor `num_samples`",
                fixes=(FixRef("draw-samples", title, Applicability.UNSAFE, number),),
            )
        elif {"posterior_samples", "guide"} <= given and _are_sure(call):
            yield Finding(
                span=call.span,
                message="`Predictive` raises: it is given a guide and samples of the posterior, of which it takes one",
            )


def _is_open(call: Call) -> bool:
    return any(one.arg is None for one in call.node.keywords) or any(
        isinstance(one, ast.Starred) for one in call.node.args
    )


def _are_sure(call: Call) -> bool:
    """Whether neither the guide nor the samples may be None."""
    given = {one.parameter: one for one in call.arguments}
    samples, guide = given["posterior_samples"], given["guide"]
    has_samples = isinstance(samples.node, (ast.Call, ast.Dict)) or samples.kind is Kind.MAPPING
    return has_samples and guide.constant is MISSING and guide.kind is Kind.FUNCTION


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data].node
    if any(one.arg == "num_samples" for one in call.keywords):
        return None  # `num_samples=None`
    edit = edits.add_keyword(unit, call, "num_samples=1000")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="predictive-without-samples",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Either posterior_samples or num_samples must be specified",
        "ValueError: Only one of guide or posterior_samples can be provided, not both",
    ),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(y=None):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            prior = Predictive(model)  # error: [predictive-without-samples]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(y=None):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            prior = Predictive(model, num_samples=1000)
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import Predictive

            def model(y=None):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            def predict(samples):
                return Predictive(model, samples)
            """
        ),
    ),
)

"""Gives a distribution a scale, a rate or a probability that may be any number.

## Why is this bad?

A site with a `Normal` prior is negative half of the time. As the scale of another distribution it makes the density NaN, or NumPyro fails where it looks: `ValueError: Normal distribution got invalid scale parameter.`, at
a random draw at the start of inference; variational inference goes on without a word. `numpyro.param("scale", 1.0)` without a constraint walks below zero while it is trained. `HalfNormal`, `LogNormal`, `Gamma`
or `constraint=dist.constraints.positive` bound the value, `jnp.exp` and `jax.nn.softplus` transform it; a probability has `logits`.

## Fix safety

Unsafe: another prior, or another parameter, is another model.

## Limits

In preview: a narrow prior far away from zero may be meant so. Values that go through any computation are not followed.
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
    Related,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.site_streams import Unbounded

_CONSTRAINTS = {"positive": "positive", "nonnegative": "nonnegative"}
_NORMAL = "numpyro.distributions.Normal"


def check(unit: Unit) -> Iterator[Finding]:
    for number, found in enumerate(unit.unbounded):
        words = "lie between 0 and 1" if "fraction" in found.which else "be positive"
        yield Finding(
            span=found.span,
            message=f"`{found.text}` may be negative, and the `{found.parameter}` of `{found.distribution}` has to {words}: densities may be NaN",
            certainty=Certainty.MAYBE,
            related=(Related(found.drawn_span, f"`{found.text}` may be any number"),),
            fixes=tuple(_fixes(unit, found, number)),
        )


def _fixes(unit: Unit, found: Unbounded, number: int) -> Iterator[FixRef]:
    if _prior(unit, found) is not None:
        title = "Draw it from a `HalfNormal`"
        yield FixRef("use-half-normal", title, Applicability.UNSAFE, number)
    elif _is_parameter(unit, found) and found.which in _CONSTRAINTS:
        title = "Constrain the parameter"
        yield FixRef("constrain-parameter", title, Applicability.UNSAFE, number)


def _is_parameter(unit: Unit, found: Unbounded) -> bool:
    call = unit.call_at(found.drawn)
    return call is not None and call.canonical == "numpyro.param"


def _prior(unit: Unit, found: Unbounded) -> ast.Call | None:
    """`dist.Normal(0.0, scale)`, of which the positive half can take the place."""
    if "fraction" in found.which:
        return None
    for one in (*found.drawn.args[1:2], *(k.value for k in found.drawn.keywords if k.arg == "fn")):
        call = unit.call_at(one)
        if call is None or call.canonical != _NORMAL or len(call.node.args) != 2:
            continue
        location = call.node.args[0]
        if isinstance(location, ast.Constant) and location.value == 0 and not call.node.keywords:
            return call.node
    return None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = unit.unbounded[reference.data]
    if reference.kind == "use-half-normal":
        prior = _prior(unit, found)
        if prior is None:
            return None
        half = edits.spell(unit, "numpyro.distributions.HalfNormal")
        text = f"{half.text}({edits.as_argument(unit, prior.args[1])})"
        edit = Edit(unit.model.module.span(prior), text)
        return Fix(reference.title, (edit, *half.edits), reference.applicability)
    name = f"numpyro.distributions.constraints.{_CONSTRAINTS[found.which]}"
    constraint = edits.spell(unit, name)
    edit = edits.add_keyword(unit, found.drawn, f"constraint={constraint.text}")
    return Fix(reference.title, (edit, *constraint.edits), reference.applicability)


RULE = Rule(
    name="unconstrained-scale",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    preview=True,
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist

            def model(y):
                sigma = numpyro.sample("sigma", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(0.0, sigma), obs=y)  # error: [unconstrained-scale]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist

            def model(y):
                sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
                numpyro.sample("y", dist.Normal(0.0, sigma), obs=y)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            import numpyro
            import numpyro.distributions as dist

            def model(y):
                log_sigma = numpyro.sample("log_sigma", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(0.0, jnp.exp(log_sigma)), obs=y)
            """
        ),
    ),
)

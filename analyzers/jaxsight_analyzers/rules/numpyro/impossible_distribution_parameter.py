"""Gives a distribution of NumPyro a parameter that it cannot have.

## Why is this bad?

A scale or a rate is positive, a probability lies between 0 and 1. NumPyro looks at what it is given where that is a number: `dist.Normal(0.0, -1.0)` raises
`ValueError: Normal distribution got invalid scale parameter.`, in a model as outside of one; after `numpyro.enable_validation(False)` densities are NaN.
`Bernoulli`, `Categorical` and their kin take `probs` or `logits`: without any, or with both, it is `ValueError: Exactly one of ['probs', 'logits'] must be specified; got [].`
Who asked for a variance or a precision elsewhere finds the scale, its square root, here.

## Limits

Only numbers that stand in the call are looked at. Silent where the call says `validate_args`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call
from jaxsight_analyzers.semantic.values import MISSING, Kind

_WORDS = {
    "positive": "has to be positive",
    "nonnegative": "cannot be negative",
    "fraction": "has to lie between 0 and 1",
    "open-fraction": "has to lie between 0 and 1",
}
_EITHER = ("probs", "logits")


def check(unit: Unit) -> Iterator[Finding]:
    for _, call in unit.calls_from("numpyro"):
        facts = call.facts
        if facts is None or facts.instance_of != "numpyro.distributions.Distribution":
            continue
        given = {one.parameter: one for one in call.arguments}
        if "validate_args" in given or _is_open(call):
            continue
        name = call.qualified.rpartition(".")[2]
        for parameter, which in unit.knowledge.takes(call.canonical).items():
            argument = given.get(parameter)
            number = None if argument is None else _number(argument.node)
            if argument is None or number is None or _may_be(number, which):
                continue
            yield Finding(
                span=argument.span,
                message=f"`{name}` raises: its `{parameter}` {_WORDS[which]}, and is {number}",
            )
        if set(_EITHER) <= set(facts.positional):
            yield from _either(call, name, given)


def _either(call: Call, name: str, given: dict[str | None, Argument]) -> Iterator[Finding]:
    """Whether one of `probs` and `logits` is given, as it has to be."""
    found = [given[one] for one in _EITHER if one in given and given[one].constant is not None]
    if not found:
        yield Finding(
            span=call.span, message=f"`{name}` raises: it is given no `probs` and no `logits`"
        )
    elif len(found) > 1 and all(map(_is_sure, found)):
        yield Finding(
            span=call.span, message=f"`{name}` is given `probs` and `logits`, of which it takes one"
        )


def _is_open(call: Call) -> bool:
    return any(one.arg is None for one in call.node.keywords) or any(
        isinstance(one, ast.Starred) for one in call.node.args
    )


def _is_sure(argument: Argument) -> bool:
    """Whether an argument surely is something, and not None."""
    return argument.kind is Kind.ARRAY or argument.constant not in (None, MISSING)


def _number(node: ast.expr) -> float | None:
    """The number that stands in a call."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    value = node.value if isinstance(node, ast.Constant) else None
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else value


def _may_be(number: float, which: str) -> bool:
    if which == "positive":
        return number > 0
    if which == "nonnegative":
        return number >= 0
    return 0 < number < 1 if which == "open-fraction" else 0 <= number <= 1


RULE = Rule(
    name="impossible-distribution-parameter",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "ValueError: Normal distribution got invalid scale parameter",
        "ValueError: Exactly one of ['probs', 'logits'] must be specified",
    ),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, -1.0))  # error: [impossible-distribution-parameter]
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)
            """
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(-1.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)
            """
        ),
    ),
)

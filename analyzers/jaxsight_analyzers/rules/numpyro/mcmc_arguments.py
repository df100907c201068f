"""Calls `MCMC` with arguments that it does not take.

## Why is this bad?

`MCMC` runs a kernel, which knows the model: `MCMC(NUTS(model), num_warmup=500, num_samples=500)`. Given the model itself it fails: `AttributeError: 'function' object has no attribute 'sample_field'`. Both counts have
to be said (`TypeError: MCMC.__init__() missing 1 required keyword-only argument: 'num_samples'`), by name since NumPyro 0.7 (`TypeError: MCMC.__init__() takes 2 positional arguments but 4 were given`).
`run` takes a key before the arguments of the model: `TypeError: MCMC.run() missing 1 required positional argument: 'rng_key'`, and a number is no key.

## Fix safety

Safe for counts that are given by position: they are given by name, in the order in which NumPyro took them. Unsafe for a model without a kernel: the fix chooses `NUTS`.

## Limits

Silent where arguments are passed on by `*` or `**`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.knowledge.facts import release
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call

_MAKES, _RUNS = "numpyro.infer.MCMC", "numpyro.infer.MCMC.run"
_COUNTS = ("num_warmup", "num_samples")
_BY_NAME = "0.7.0"


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of((_MAKES,)):
        found = None if _is_open(call.node) else _made(unit, call, number)
        if found is not None:
            yield found
    for run in unit.object_calls:
        if run.qualified == _RUNS and not _is_open(run.node):
            yield from _run(unit, run.node)


def _is_open(node: ast.Call) -> bool:
    """Whether arguments are passed on."""
    return any(one.arg is None for one in node.keywords) or any(
        isinstance(one, ast.Starred) for one in node.args
    )


def _run(unit: Unit, node: ast.Call) -> Iterator[Finding]:
    """What is wrong with the key of `run`."""
    named = next((one.value for one in node.keywords if one.arg == "rng_key"), None)
    key = node.args[0] if node.args else named
    span = unit.model.module.span(node if key is None else key)
    if key is None:
        yield Finding(span=span, message="`run` raises without a key, its first argument")
    elif isinstance(key, ast.Constant) and isinstance(key.value, (int, float)):
        yield Finding(
            span=span, message=f"`run` fails: `{edits.source(unit, key)}` is a number and no key"
        )


def _made(unit: Unit, call: Call, number: int) -> Finding | None:
    node = call.node
    kernel = next((one for one in call.arguments if one.parameter == "sampler"), None)
    if kernel is not None and kernel.is_plain_function:
        title = "Run the model by `NUTS`"
        return Finding(
            span=kernel.span,
            message=f"`MCMC` fails: `{kernel.text}` is a function, and no kernel such as `NUTS({kernel.text})`",
            fixes=(FixRef("wrap-in-nuts", title, Applicability.UNSAFE, number),),
        )
    known = unit.version("numpyro")
    if known is not None and release(known) < release(_BY_NAME):
        return None
    if len(node.args) > 1:
        title = "Give the counts by name"
        return Finding(
            span=call.span,
            message="`MCMC` raises: all but its kernel is given by name",
            fixes=(FixRef("name-counts", title, Applicability.SAFE, number),),
        )
    named = {one.arg for one in node.keywords}
    lacking = [one for one in _COUNTS if one not in named]
    if not lacking or kernel is None:
        return None
    words = " and ".join(f"`{one}`" for one in lacking)
    return Finding(span=call.span, message=f"`MCMC` raises without {words}")


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    span_of = unit.model.module.span
    if reference.kind == "wrap-in-nuts":
        kernel = next(one for one in call.arguments if one.parameter == "sampler")
        nuts = edits.spell(unit, "numpyro.infer.NUTS")
        edit = Edit(kernel.span, f"{nuts.text}({edits.as_argument(unit, kernel.node)})")
        return Fix(reference.title, (edit, *nuts.edits), reference.applicability)
    rest = call.node.args[1:]
    names = () if call.facts is None else call.facts.keyword_only
    taken = {one.arg for one in call.node.keywords}
    if len(rest) > len(names) or taken & set(names[: len(rest)]):
        return None
    made = [
        Edit(span_of(node), f"{name}={edits.source(unit, node)}") for name, node in zip(names, rest)
    ]
    return Fix(reference.title, tuple(made), reference.applicability)


RULE = Rule(
    name="mcmc-arguments",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "AttributeError: 'function' object has no attribute 'sample_field'",
        "TypeError: MCMC.__init__() missing 1 required keyword-only argument",
        "TypeError: MCMC.__init__() takes 2 positional arguments but",
        "TypeError: MCMC.run() missing 1 required positional argument: 'rng_key'",
    ),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(model, num_warmup=500, num_samples=500)  # error: [mcmc-arguments]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500)
            """
        ),
    ),
)

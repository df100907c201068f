"""Runs chains of MCMC in parallel where there may be too few devices.

## Why is this bad?

`MCMC(..., num_chains=4)` draws its chains in parallel, one on each device. A CPU is one device, and most machines have one GPU: then NumPyro says
`UserWarning: There are not enough devices to run parallel chains: expected 4 but got 1. Chains will be drawn sequentially.`, and inference takes
four times as long. `chain_method="vectorized"` draws all chains at once on one device; `numpyro.set_host_device_count(4)` at the
beginning of the program makes four devices of the CPU.

## Fix safety

Unsafe: vectorized chains wait for the slowest of them in each step, and draw other numbers. More devices have to be asked for before JAX is used, which no
library can do for the program that imports it.

## Limits

Silent where the file speaks of the number of devices: `set_host_device_count`, `device_count`, `XLA_FLAGS`, `jax_num_cpu_devices` and the like, and where `chain_method` is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits, import_lines
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.values import MISSING

_DEVICES = re.compile(
    r"device_count|XLA_FLAGS|num_cpu_devices|jax\.(?:local_)?devices\(|jax\.distributed"
)


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("numpyro.infer.MCMC",)):
        chains = _chains(call)
        if chains is None or _DEVICES.search(unit.whole.analysed.text):
            continue
        yield Finding(
            span=call.span,
            message=(
                f"`MCMC` draws {chains} chains in parallel on {chains} devices; where there are fewer, as on a CPU, they may be drawn "
                "one after another"
            ),
            certainty=Certainty.MAYBE,
            fixes=tuple(_fixes(unit, chains, number)),
        )


def _chains(call: Call) -> int | None:
    """How many chains a call asks for and leaves to the default method; None for one, or where that is not known."""
    if any(keyword.arg is None for keyword in call.node.keywords) or call.enclosing.startswith(
        "test"
    ):
        return None
    given = {
        one.parameter: one.default if one.constant is MISSING else one.constant
        for one in call.arguments
    }
    chains = given.get("num_chains")
    is_many = isinstance(chains, int) and not isinstance(chains, bool) and chains > 1
    return chains if isinstance(chains, int) and is_many and "chain_method" not in given else None


def _fixes(unit: Unit, chains: int, number: int) -> Iterator[FixRef]:
    title = 'Draw them at once: `chain_method="vectorized"`'
    yield FixRef("vectorize-chains", title, Applicability.UNSAFE, number)
    if "numpyro" in unit.import_names:
        title = f"Make {chains} devices of the CPU"
        yield FixRef("set-device-count", title, Applicability.UNSAFE, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    if reference.kind == "vectorize-chains":
        edit = edits.add_keyword(unit, call.node, 'chain_method="vectorized"')
        return Fix(reference.title, (edit,), reference.applicability)
    text = f"{unit.import_names['numpyro']}.set_host_device_count({_chains(call)})"
    edit = import_lines.behind(unit.whole, text, edits.newline(unit))
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="parallel-chains-device-count",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("UserWarning: There are not enough devices to run parallel chains",),
    examples=(
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500, num_chains=4)  # error: [parallel-chains-device-count]
            """,
            fixed="""
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500, num_chains=4, chain_method="vectorized")
            """,
        ),
        Example(
            """
            import numpyro
            import numpyro.distributions as dist
            from numpyro.infer import MCMC, NUTS

            numpyro.set_host_device_count(4)

            def model(y):
                mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
                numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)

            mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500, num_chains=4)
            """
        ),
    ),
)

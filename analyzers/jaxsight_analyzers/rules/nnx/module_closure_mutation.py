"""Changes an NNX module from around the traced function.

## Why is this bad?

A traced function may read a module that it takes from around it, but not change it: ``flax.errors.TraceContextError: Cannot mutate BatchStat from a
different trace level``. Counters, batch statistics, dropout and the update of an optimizer are such changes. A module that is an argument of
a function under `nnx.jit` and its kin may be changed.

## Limits

What layers such as `nnx.BatchNorm` and `nnx.Dropout` change is reported where they are called in training mode by name, where gradients are taken, or where the file speaks
of no evaluation (`eval`, `deterministic`, `use_running_average`, `nnx.view`). Modules that are made in the same trace may be changed.
Nothing is reported in files that speak of `hijax` or of variables with `ref=`: every trace shares these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import ChangedOutside

_EVALUATES = re.compile(
    r"\.eval\(|deterministic|use_running_average|set_attributes|set_mode|nnx\.view|\bview\("
)


def check(unit: Unit) -> Iterator[Finding]:
    found = unit.nnx_outside
    if not found or unit.may_share_variables:
        return
    for changed in found:
        certainty = _certainty(unit, changed)
        if certainty is Certainty.NO:
            continue
        changes = "changes" if certainty is Certainty.YES else "may change"
        yield Finding(
            span=changed.span,
            message=(
                f"This {changes} `{changed.what}` from outside of what `{changed.by}` traces, "
                "which raises `TraceContextError`; pass the module as an argument"
            ),
            certainty=certainty,
            related=changed.related,
        )


def _certainty(unit: Unit, changed: ChangedOutside) -> Certainty:
    if changed.changed_by != "a layer" or changed.certainty is Certainty.YES:
        return changed.certainty
    evaluates = _EVALUATES.search(unit.whole.analysed.text) is not None
    if changed.learns:
        return Certainty.MAYBE if evaluates else Certainty.YES
    return Certainty.NO if evaluates else Certainty.MAYBE


RULE = Rule(
    name="module-closure-mutation",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("TraceContextError: Cannot mutate ... from a different trace level",),
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Counter(nnx.Module):
                def __init__(self):
                    self.n = nnx.Variable(jnp.array(0))

                def __call__(self, x):
                    self.n[...] += 1
                    return x

            counter = Counter()

            @nnx.jit
            def step(x):
                return counter(x)  # error: [module-closure-mutation]
            """
        ),
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Counter(nnx.Module):
                def __init__(self):
                    self.n = nnx.Variable(jnp.array(0))

                def __call__(self, x):
                    self.n[...] += 1
                    return x

            @nnx.jit
            def step(counter, x):
                return counter(x)

            step(Counter(), 1.0)
            """
        ),
    ),
)

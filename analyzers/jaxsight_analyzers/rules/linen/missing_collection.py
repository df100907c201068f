"""Applies a Flax Linen module without a collection of variables that it reads.

## Why is this bad?

A module finds its variables in the collections that `apply` is given. `nn.BatchNorm` reads its statistics from
`batch_stats`, `self.variable("cache", ...)` from `cache`. Where the collection is not there, the call fails: `ScopeCollectionNotFound: Tried
to access "mean" from collection "batch_stats" in "/BatchNorm_0" but the collection is empty`. Most often `variables["params"]`
went into the training state, and the statistics did not.

## Limits

Reported is what is certain: a dict whose keys are known is given, and the module, one of the project or a layer of the library,
reads the collection whenever it runs so. Where `mutable=` names the collection, it is made anew, and nothing fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for missing in unit.linen_missing:
        what = " and ".join(f"`{lack.name}`" for lack in missing.collections)
        yield Finding(
            span=missing.span,
            message=f"`{missing.module}` reads {what}, which is not among these variables",
            related=tuple([lack.related for lack in missing.collections]),
        )


RULE = Rule(
    name="missing-collection",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "ScopeCollectionNotFound: Tried to access ... from collection ... in ... but the collection is empty",
    ),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.BatchNorm(use_running_average=True)(x)

            def predict(params, x):
                return Net().apply({"params": params}, x)  # error: [missing-collection]
            """
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.BatchNorm(use_running_average=True)(x)

            def predict(params, batch_stats, x):
                return Net().apply({"params": params, "batch_stats": batch_stats}, x)
            """
        ),
    ),
)

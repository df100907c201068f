"""Makes layers by `nnx.vmap` from one `nnx.Rngs` that was not split.

## Why is this bad?

`nnx.vmap(make)(nnx.Rngs(0))` maps over the streams in `rngs`, and each holds a single key: `ValueError: vmap was requested to map its argument along axis 0, which implies that its rank should be at least 1, but is only 0`.
`@nnx.split_rngs(splits=n)` above `@nnx.vmap`, or `rngs.fork(split=n)`, gives each layer keys of its own. With `in_axes=None` for `rngs` all layers start equal.

## Limits

In preview. Silent where `in_axes` is given, and in files that speak of `split_rngs`, `fork` or `StateAxes`. There is no fix: how many layers there are, only you know.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for unsplit in unit.nnx_unsplit:
        yield Finding(
            span=unsplit.span,
            message=f"`nnx.vmap` fails: `{unsplit.text}` has one key for all layers, with nothing to map over; `nnx.split_rngs` makes one for each",
        )


RULE = Rule(
    name="vmap-init-without-split-rngs",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    preview=True,
    errors=("ValueError: vmap was requested to map its argument along axis 0",),
    raising=r"rngs|Rngs",
    examples=(
        Example(
            """
            from flax import nnx

            @nnx.vmap
            def make(rngs):
                return nnx.Linear(2, 2, rngs=rngs)

            layers = make(nnx.Rngs(0))  # error: [vmap-init-without-split-rngs]
            """
        ),
        Example(
            """
            from flax import nnx

            @nnx.split_rngs(splits=3)
            @nnx.vmap
            def make(rngs):
                return nnx.Linear(2, 2, rngs=rngs)

            layers = make(nnx.Rngs(0))
            """
        ),
    ),
)

"""Gives two parameters or submodules of a Flax Linen module the same name.

## Why is this bad?

A module keeps its parts by name. A second one with the name fails: `NameInUseError: Could not create submodule "dense" in Module Net: Name in use.` To use
a submodule twice, with the same parameters, it is made once and called twice; two of them need two names, or none: Flax numbers those.

## Limits

Reported are names that are written out, of parts that one run of a method makes one after the other. Parts that a loop makes
with one name are not reported: it may run once.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for named in unit.linen_names:
        yield Finding(
            span=named.span,
            message=f"`{named.what}` gets the name `{named.name}`, which another part of `{named.module}` has",
            related=(named.related,),
        )


RULE = Rule(
    name="module-name-used-twice",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("NameInUseError: Could not create ... in Module ...: Name in use",),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    x = nn.Dense(3, name="dense")(x)
                    return nn.Dense(3, name="dense")(x)  # error: [module-name-used-twice]
            """
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    dense = nn.Dense(3, name="dense")
                    return dense(dense(x))
            """
        ),
    ),
)

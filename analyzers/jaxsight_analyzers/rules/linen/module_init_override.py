"""Defines `__init__` in a Flax Linen module.

## Why is this bad?

Modules of Flax Linen are dataclasses. Flax copies them whenever they run, by calling the class with all of its fields,
`name` and `parent`, so that an `__init__` of one's own fails: `IncorrectPostInitOverrideError: Overrode
.__post_init__() without calling super().__post_init__()`, or `TypeError: Net.__init__() got an unexpected keyword
argument 'parent'`. What a module is made with are annotated fields; submodules are made in `setup`.

## Limits

An `__init__` that takes `parent` or `**kwargs` may hand them on, and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for own in unit.linen_own_inits:
        yield Finding(
            span=own.span,
            message=f"`{own.module}` has an `__init__` that cannot make the copies Flax makes of a module: it takes no `name` and `parent`",
        )


RULE = Rule(
    name="module-init-override",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "IncorrectPostInitOverrideError: Overrode `.__post_init__()` without calling `super().__post_init__()`",
    ),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                def __init__(self, features):  # error: [module-init-override]
                    self.features = features

                @nn.compact
                def __call__(self, x):
                    return nn.Dense(self.features)(x)
            """
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                features: int

                @nn.compact
                def __call__(self, x):
                    return nn.Dense(self.features)(x)
            """
        ),
    ),
)

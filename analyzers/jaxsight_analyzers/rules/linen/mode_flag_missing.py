"""Calls `nn.Dropout` or `nn.BatchNorm` without saying in which mode, or says it twice.

## Why is this bad?

`deterministic` and `use_running_average` have no default: they are given where the layer is made or where it is called, and in one of the two places. Else the
call fails: `ValueError: Parameter "deterministic" must be passed to the constructor or at call time.`

## Limits

Reported are layers of the library whose arguments are seen, in functions and files of the project.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for flag in unit.linen_flags:
        how = (
            "neither where it is made nor here"
            if flag.kind == "missing"
            else "twice: where it is made and here"
        )
        yield Finding(span=flag.span, message=f"`{flag.layer}` gets `{flag.flag}` {how}")


RULE = Rule(
    name="mode-flag-missing",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "ValueError: Parameter ... must be passed to the constructor or at call time",
        "ValueError: Parameter ... was passed to the constructor and at call time",
    ),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    x = nn.BatchNorm(use_running_average=True)(x, use_running_average=True)  # error: [mode-flag-missing]
                    return nn.Dropout(0.5)(x)  # error: [mode-flag-missing]
            """
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    x = nn.BatchNorm()(x, use_running_average=not train)
                    return nn.Dropout(0.5, deterministic=not train)(x)
            """
        ),
    ),
)

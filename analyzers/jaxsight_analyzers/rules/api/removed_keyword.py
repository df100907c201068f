"""Passes a keyword argument, or sets an option, that a release removed.

## Why is this bad?

The call raises `TypeError: clip() got an unexpected keyword argument 'a_min'` as soon as it runs. JAX renames
parameters to those of the array API standard; NumPy keeps its own names, so code that was moved
from NumPy often has them. A removed option raises `AttributeError: Unrecognized config option`.

## Fix safety

Safe where another name means the same: the call cannot have worked. Unsafe where the argument is
taken out, because what it asked for is lost.

## Limits

The project's version of the library decides, and the newest known one where that cannot be found.
A call is not reported in `try` with `except TypeError`, nor under a check of the version.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import renames
from jaxsight_analyzers.knowledge import KeywordChange
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    return renames.keyword_findings(unit, _is_removed, _says)


def _is_removed(unit: Unit, change: KeywordChange) -> bool:
    return change.removed_at(unit.version(change.library))


def _says(change: KeywordChange) -> str:
    return f"was removed in {renames.display(change.library)} {change.removed_in}"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    return renames.fix_of_keyword(unit, reference)


RULE = Rule(
    name="removed-keyword",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: ...() got an unexpected keyword argument '...'",
        "TypeError: '...' argument to ... is not supported",
    ),
    raising=r"\b(jnp|jax|lax)\.",
    examples=(
        Example(
            """
            import jax.numpy as jnp

            def unit(x):
                return jnp.clip(x, a_min=0.0, a_max=1.0)  # error: [removed-keyword] # error: [removed-keyword]
            """,
            fixed="""
            import jax.numpy as jnp

            def unit(x):
                return jnp.clip(x, min=0.0, max=1.0)
            """,
            versions=(("jax", "0.10.0"),),
        ),
        Example(
            """
            import jax.numpy as jnp
            import numpy as np

            def unit(x):
                return jnp.clip(x, 0.0, 1.0), np.clip(np.ones(3), a_min=0.0, a_max=1.0)
            """,
            versions=(("jax", "0.10.0"),),
        ),
    ),
)

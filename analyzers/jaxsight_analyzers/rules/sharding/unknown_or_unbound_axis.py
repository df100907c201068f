"""Names an axis that nothing binds, or that the mesh does not have.

## Why is this bad?

A collective such as `jax.lax.psum(x, "batch")` runs where `jax.pmap`, `jax.vmap` or `jax.shard_map` has bound that name. Elsewhere it
raises `NameError: Found an unbound axis name: batch. To fix this, please call psum under jax.shard_map`, or
`NameError: unbound axis name: batch`. An axis of a `PartitionSpec` has to be one of the mesh: `ValueError: Resource axis: x of
P('x',) is not found in mesh: ('data',)`.

## Limits

A function that nobody calls in the file may be called where the axis is bound, and is not reported, unless `jax.pmap` runs it and binds
another name or none. Silent where the file names the axis in any other place, and where a mesh comes from elsewhere. There is
no fix: which of the two names is meant, only you know.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for use in unit.unbound_axes:
        verb = "is" if use.certainty is Certainty.YES else "may be"
        by = f", `{use.mapped_by}` binds another name or none" if use.mapped_by is not None else ""
        yield Finding(
            span=use.span,
            message=f"`{use.axis}` {verb} unbound where `{use.function}` reduces over it{by}",
            certainty=use.certainty,
            related=use.related,
        )
    for one in unit.axes_not_in_mesh:
        names = ", ".join(f"`{name}`" for name in one.names)
        yield Finding(
            span=one.span,
            message=f"`{one.axis}` is no axis of `{one.mesh}`, which has {names}",
        )


RULE = Rule(
    name="unknown-or-unbound-axis",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "NameError: Found an unbound axis name: ...",
        "NameError: unbound axis name: ...",
        "ValueError: Resource axis: ... is not found in mesh: ...",
        "ValueError: shard_map in_specs argument must refer to an axis marked as manual",
        "ValueError: shard_map out_specs argument must refer to an axis marked as manual",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            step = jax.pmap(lambda x: jax.lax.pmean(x, "batch"))  # error: [unknown-or-unbound-axis]
            step(jnp.ones((1, 3)))
            """
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            step = jax.pmap(lambda x: jax.lax.pmean(x, "batch"), axis_name="batch")
            step(jnp.ones((1, 3)))
            """
        ),
    ),
)

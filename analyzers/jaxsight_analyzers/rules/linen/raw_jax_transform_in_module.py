"""Calls a submodule inside a transformation of JAX, in a method of a Flax Linen module.

## Why is this bad?

A submodule makes its variables when it is called first, in `init`. In the body of `jax.lax.scan`, of `jax.checkpoint`, `jax.jit`,
`jax.lax.cond` and the like that happens while JAX traces the body, so that `init` returns leaked tracers among the parameters:
nothing fails until they are used, with `UnexpectedTracerError`. Statistics and keys of streams in such a body are the same in each step.

Flax's own `nn.scan`, `nn.remat`, `nn.jit`, `nn.cond`, `nn.switch` and `nn.while_loop` hand the variables through the
transformation.

## Limits

`jax.vmap` and `jax.grad` are not reported: their bodies make variables that are no tracers. Bodies that call
only functions of arrays are right, and so are submodules that the method calls before, or in another branch while it `is_initializing()`.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_LIFTED = {
    "scan": "nn.scan",
    "map": "nn.scan",
    "fori_loop": "nn.scan",
    "associative_scan": "nn.scan",
    "while_loop": "nn.while_loop",
    "cond": "nn.cond",
    "switch": "nn.switch",
    "checkpoint": "nn.remat",
    "remat": "nn.remat",
    "jit": "nn.jit",
}


def check(unit: Unit) -> Iterator[Finding]:
    for inside in unit.linen_inside:
        lifted = _LIFTED.get(inside.transformation.rpartition(".")[2])
        cure = "" if lifted is None else f"; `{lifted}` hands the variables through"
        yield Finding(
            span=inside.span,
            message=f"`{inside.text}` is called inside `{inside.transformation}`, so that the variables it makes in `init` may be leaked tracers{cure}",
            certainty=Certainty.MAYBE,
            related=(inside.related,),
        )


RULE = Rule(
    name="raw-jax-transform-in-module",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    examples=(
        Example(
            """
            import jax
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    dense = nn.Dense(3)

                    def body(carry, _):
                        return dense(carry), None  # error: [raw-jax-transform-in-module]

                    return jax.lax.scan(body, x, None, length=2)[0]
            """
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    def body(dense, carry, _):
                        return dense(carry), None

                    scan = nn.scan(body, variable_broadcast="params", split_rngs={"params": False}, length=2)
                    return scan(nn.Dense(3), x, None)[0]
            """
        ),
    ),
)

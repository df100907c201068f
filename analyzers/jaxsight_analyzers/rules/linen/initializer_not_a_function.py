"""Gives an array, a number or a function that makes initializers where Flax Linen calls an initializer.

## Why is this bad?

`self.param("w", init, shape)` and `kernel_init=init` take a function of a key, a shape and a dtype, which `init` of the module calls. An array is none:
`TypeError: 'jaxlib._jax.ArrayImpl' object is not callable`. `nn.initializers.normal` makes one, and is none until it is
called: `normal()`. `jnp.zeros` and a lambda without a parameter do not take the key.

## Fix safety

Safe: the old code cannot have worked. An initializer that is called without arguments has its usual ones; an array
is handed out by a function that does not look at the key.

## Limits

Functions are judged by their parameters only where these are seen: lambdas and functions of the project.
`nn.initializers.zeros` and `ones` are initializers themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import Initializer

_WANT_ARGUMENTS = ("constant", "variance_scaling")
_WORDS = {
    "array": "is an array",
    "number": "is a number",
    "constructor": "takes no key",
    "factory": "makes an initializer when it is called",
    "keyless": "takes no key",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, given in enumerate(unit.linen_initializers):
        yield Finding(
            span=given.span,
            message=f"`{given.by.removesuffix('=')}` calls an initializer with a key and a shape, but `{given.text}` {_WORDS[given.kind]}",
            fixes=_fixes(given, number),
        )


def _fixes(given: Initializer, number: int) -> tuple[FixRef, ...]:
    last = given.text.rpartition(".")[2]
    if given.kind == "factory" and last not in _WANT_ARGUMENTS:
        return (FixRef("call-factory", f"Call it: `{given.text}()`", Applicability.SAFE, number),)
    if given.kind == "array" and given.by.startswith("self."):
        return (FixRef("make-function", "Make a function of it", Applicability.SAFE, number),)
    if given.kind == "keyless" and isinstance(given.node, ast.Lambda):
        return (FixRef("take-key", "Take the key", Applicability.SAFE, number),)
    return ()


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    given = unit.linen_initializers[reference.data]
    if reference.kind == "call-factory":
        edit = Edit(Span(given.span.end, given.span.end), "()")
    elif reference.kind == "make-function":
        head = "lambda key: " if given.by == "self.param" else "lambda: "
        edit = Edit(given.span, head + edits.as_argument(unit, given.node))
    else:
        edit = Edit(given.span, given.text.replace("lambda", "lambda key", 1))
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="initializer-not-a-function",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: 'jaxlib._jax.ArrayImpl' object is not callable",
        "TypeError: ...<lambda>() takes 0 positional arguments but 1 was given",
        "TypeError: normal() takes from 0 to 2 positional arguments but 3 were given",
    ),
    examples=(
        Example(
            """
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    scale = self.param("scale", jnp.ones((3,)))  # error: [initializer-not-a-function]
                    return scale * nn.Dense(3, kernel_init=nn.initializers.normal)(x)  # error: [initializer-not-a-function]
            """,
            fixed="""
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    scale = self.param("scale", lambda key: jnp.ones((3,)))
                    return scale * nn.Dense(3, kernel_init=nn.initializers.normal())(x)
            """,
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    scale = self.param("scale", nn.initializers.ones, (3,))
                    return scale * nn.Dense(3, kernel_init=nn.initializers.normal())(x)
            """
        ),
    ),
)

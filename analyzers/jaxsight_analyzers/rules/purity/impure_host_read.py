"""Reads the time, random state or an iterator in traced code.

## Why is this bad?

JAX runs a compiled function's Python once, while it traces it. What the host says then is part of the compiled
function for ever: `np.random.normal()` gives each call the same noise, `time.time()` the same
time, `next(batches)` the same batch. Nothing fails and nothing is said.

Draw with `jax.random` and a key that is an argument; take the time and the batch outside, and hand them in.

## Limits

Draws from a generator that the function itself makes from a fixed seed make a constant on purpose, and are not
reported. Neither is what happens only where an argument is None, nor what runs in Python at each call: under `jax.grad` or `jax.vmap` alone, in callbacks.
Files, `print` and settings of the environment are not reported here.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect

_KINDS = ("iterate", "random", "time")
_NO_RESULT = ("seed", "set_state", "shuffle", "sleep")


def check(unit: Unit) -> Iterator[Finding]:
    for effect in unit.effects:
        if effect.kind in _KINDS and not effect.legitimate and _is_kept(effect):
            yield Finding(
                span=effect.span,
                message=_message(effect),
                certainty=effect.certainty,
                related=effect.related,
            )


def _is_kept(effect: Effect) -> bool:
    """Whether what it reads stays as it is in what JAX makes of the function."""
    again = effect.traced and (effect.compiled or effect.repeated)
    sure = effect.certainty is Certainty.YES
    return again and sure and effect.what.rpartition(".")[2] not in _NO_RESULT


def _message(effect: Effect) -> str:
    what, stays = f"`{effect.name}` draws once", "gets the same numbers"
    if effect.kind == "time":
        what, stays = f"`{effect.name}` reads the time once", "gets that time again"
    elif effect.kind == "iterate":
        what, stays = f"one item is taken of `{effect.name}`", "gets that item again"
    elif effect.category != "environment":
        what = f"`{effect.name}` is drawn from once"
    who = "each later call" if effect.compiled else "each iteration"
    return f"{what}, while `{effect.function}` traces `{effect.enclosing}`, and {who} {stays}"


RULE = Rule(
    name="impure-host-read",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    examples=(
        Example(
            """
            import jax
            import numpy as np

            @jax.jit
            def noisy(x):
                return x + np.random.normal(size=x.shape)  # error: [impure-host-read]
            """
        ),
        Example(
            """
            import jax

            @jax.jit
            def noisy(x, key):
                return x + jax.random.normal(key, x.shape)
            """
        ),
    ),
)

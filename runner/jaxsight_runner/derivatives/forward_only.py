"""Functions that have no reverse mode, as those with a `while` loop: their forward mode against differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.derivatives.blame import Blame, Watches
from jaxsight_runner.derivatives.comparison import LeafCheck
from jaxsight_runner.derivatives.differentiation import Differentiable, Slopes, Vector
from jaxsight_runner.derivatives.lifting import lifted
from jaxsight_runner.failures import is_out_of_memory
from jaxsight_runner.protocol import GradientFinding, GradientsOptions, SourceLocation


class _Zeros(Slopes):
    """A gradient that says nothing."""

    def __call__(self, *leaves: Any) -> Vector:
        numpy = import_module("jax").numpy
        return tuple(numpy.zeros_like(leaf) for leaf in leaves)


def forwards(function: Differentiable) -> Optional[Differentiable]:
    """The function with forward mode in the place of reverse mode; None where it has neither."""
    zeros = _Zeros(function.jax, function.phi, len(function.point), function.how)
    try:
        pushed = _pushed(function)
        pushed(*function.point, *zeros(*function.point))
    except Exception as error:
        if isinstance(error, MemoryError) or is_out_of_memory(error):
            raise
        return None

    def claim(point: Vector, along: Vector) -> float:
        return float(pushed(*point, *along))

    return replace(function, gradient=zeros, claim=claim)


def _pushed(function: Differentiable) -> Callable[..., Any]:
    """The directional derivative at a point, which comes first, compiled."""
    jax, count = function.jax, len(function.point)

    def pushed(*both: Any) -> Any:
        return jax.jvp(function.phi, both[:count], both[count:])[1]

    if function.how == "eager":
        return pushed
    if function.how == "compiled":
        return jax.jit(pushed)
    program = lifted(jax.make_jaxpr(pushed)(*function.point, *function.point))

    def first(*both: Any) -> Any:
        return program(*both)[0]

    return jax.jit(first)


def wrong_forwards(
    function: Differentiable,
    checks: dict[int, LeafCheck],
    watches: Watches,
    options: GradientsOptions,
) -> list[GradientFinding]:
    """What is wrong of forward mode, with the custom rule that is to blame."""
    bad = [index for index, check in checks.items() if check.verdict == "wrong"]
    if not bad:
        return []
    paths = tuple(function.paths[index] for index in bad)
    named = ", ".join(f"`{path}`" for path in paths[:4])
    words = f"forward mode with respect to {named} is wrong: {checks[bad[0]].message}"
    blame = Blame(function, watches, options.directions, options.seed)
    guilty = blame.rules(function.point, 1e-6)
    place = SourceLocation(*guilty[0].place) if guilty and guilty[0].place else None
    if place is not None:
        words += f"; the custom rule of `{guilty[0].name}` on line {place.line} is not the derivative of its function"
    last = guilty[0].last_line if guilty else None
    return [GradientFinding("mismatch", "error", words, place, last, paths)]

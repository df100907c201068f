"""A program as a differentiable function of its floating-point leaves, and its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.failures import stop
from jaxsight_runner.program.prepared import Program, is_inexact

Vector = Sequence[Any]  # one array for each differentiable leaf, of the user's jax
_LOW = ("float32", "bfloat16", "float16", "complex64")


@dataclass(frozen=True)
class Differentiable:
    """`phi(x) = <c, f(x)>`: the program's floating outputs against a fixed random cotangent."""

    phi: Callable[..., Any]  # phi(*leaves) -> real scalar
    point: tuple[Any, ...]
    paths: tuple[str, ...]
    precision: str  # "f64"; "mixed" where the program itself rounds to less; "native"
    jax: Any
    step: Any  # compiled: (t, point, direction) -> phi(point + t * direction)
    gradient: Any  # compiled: (*leaves) -> one array for each leaf
    outputs: tuple[Any, ...]

    @property
    def epsilon(self) -> float:
        """The rounding error of one operation."""
        return 2.3e-16 if self.precision == "f64" else 1.2e-7

    def along(self, point: Vector, direction: Vector) -> Callable[[float], float]:
        """phi on the line through `point`."""
        given, along = tuple(point), tuple(direction)
        return lambda t: float(self.step(t, given, along))

    def pushed(self, direction: Vector) -> float:
        """The directional derivative by forward mode."""
        return float(self.jax.jvp(self.phi, tuple(self.point), tuple(direction))[1])


def differentiable(program: Program, seed: int) -> Differentiable:
    """The program in float64 where it can be traced so, else as it is."""
    jax = import_module("jax")
    indices = [i for i, leaf in enumerate(program.leaves) if is_inexact(leaf)]
    if not indices:
        raise stop(
            "unsupported", "no argument holds floating-point numbers: nothing to differentiate"
        )
    try:
        return _build(program, indices, seed, promote=True)
    except (TypeError, ValueError) as error:
        # dtypes written down in the program may not go together with float64 arguments
        if not _is_about_dtypes(error):
            raise
        jax.clear_caches()
        return _build(program, indices, seed, promote=False)


def _is_about_dtypes(error: Exception) -> bool:
    return any(word in str(error) for word in ("dtype", "float32", "float64", "bfloat16", "type"))


def _build(program: Program, indices: Sequence[int], seed: int, promote: bool) -> Differentiable:
    jax, numpy = import_module("jax"), import_module("numpy")
    base = [
        _promoted(leaf) if promote and i in indices else leaf
        for i, leaf in enumerate(program.leaves)
    ]

    def outputs(*leaves: Any) -> list[Any]:
        filled = list(base)
        for index, leaf in zip(indices, leaves):
            filled[index] = leaf
        found = [
            jax.numpy.asarray(item) for item in jax.tree_util.tree_leaves(program.call(*filled)[0])
        ]
        return [item for item in found if is_inexact(item)]

    point = tuple(base[index] for index in indices)
    values = jax.jit(outputs)(*point)
    if not values:
        raise stop(
            "unsupported", "no output holds floating-point numbers: nothing to differentiate"
        )
    cotangents = _cotangents(values, numpy.random.default_rng([seed, 1]))

    def phi(*leaves: Any) -> Any:
        terms = [jax.numpy.sum(jax.numpy.real(c * o)) for c, o in zip(cotangents, outputs(*leaves))]
        return sum(terms[1:], terms[0])

    def step(t: Any, start: Any, direction: Any) -> Any:
        return phi(*[x + jax.numpy.asarray(t, x.real.dtype) * v for x, v in zip(start, direction)])

    precision = "native" if not promote else "f64"
    if promote and _rounds(jax.make_jaxpr(outputs)(*point)):
        precision = "mixed"
    gradient = jax.jit(jax.grad(phi, argnums=tuple(range(len(point)))))
    paths = tuple(program.paths[index] for index in indices)
    return Differentiable(phi, point, paths, precision, jax, jax.jit(step), gradient, tuple(values))


def _promoted(leaf: Any) -> Any:
    numpy = import_module("jax").numpy
    complex_ = numpy.issubdtype(leaf.dtype, numpy.complexfloating)
    return leaf.astype(numpy.complex128 if complex_ else numpy.float64)


def _cotangents(values: Sequence[Any], rng: Any) -> list[Any]:
    """One for each output; a single number is taken as it is, as `jax.grad` would."""
    numpy = import_module("jax").numpy
    if len(values) == 1 and values[0].shape == () and not numpy.iscomplexobj(values[0]):
        return [numpy.ones((), values[0].dtype)]
    found: list[Any] = []
    for value in values:
        draw = rng.standard_normal(value.shape)
        if numpy.iscomplexobj(value):
            draw = draw + 1j * rng.standard_normal(value.shape)
        found.append(numpy.asarray(draw, value.dtype))
    return found


def _rounds(jaxpr: Any) -> bool:
    """Whether the program rounds numbers that depend on its inputs to less than float64."""
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        low = any(str(getattr(var.aval, "dtype", "")) in _LOW for var in equation.outvars)
        depends = any(
            "float" in str(getattr(var.aval, "dtype", ""))
            or "complex" in str(getattr(var.aval, "dtype", ""))
            for var in equation.invars
        )
        if low and depends:
            return True
        for value in equation.params.values():
            for item in value if isinstance(value, (tuple, list)) else (value,):  # pyright: ignore
                if hasattr(getattr(item, "jaxpr", item), "eqns") and _rounds(item):  # pyright: ignore
                    return True
    return False


def inner(gradient: Vector, direction: Vector) -> float:
    """The directional derivative a gradient claims; jax's convention for complex numbers."""
    numpy = import_module("numpy")
    return math.fsum(
        float(numpy.sum(numpy.real(numpy.asarray(g) * numpy.asarray(v))))
        for g, v in zip(gradient, direction)
    )


def magnitude(gradient: Vector, direction: Vector) -> float:
    """How large the terms of the inner product are, whatever cancels in it."""
    numpy = import_module("numpy")
    total = math.fsum(
        float(numpy.sum(numpy.abs(numpy.asarray(g) * numpy.asarray(v)) ** 2))
        for g, v in zip(gradient, direction)
    )
    return math.sqrt(total)


def direction(
    point: Vector, rng: Any, only: Optional[int] = None, mask: Optional[Any] = None
) -> tuple[Any, ...]:
    """A random direction, as large as the point is; of one leaf, or of some of its elements."""
    numpy = import_module("numpy")
    jax_numpy = import_module("jax").numpy
    found: list[Any] = []
    for index, leaf in enumerate(point):
        size = (
            math.sqrt(float(numpy.mean(numpy.abs(numpy.asarray(leaf, dtype=complex)) ** 2)))
            if leaf.size
            else 1.0
        )
        draw = rng.standard_normal(leaf.shape) * (
            size if math.isfinite(size) and size > 1e-3 else 1.0
        )
        if jax_numpy.iscomplexobj(leaf):
            draw = draw + 1j * rng.standard_normal(leaf.shape)
        if only is not None and index != only:
            draw = draw * 0
        elif mask is not None:
            draw = draw * mask
        found.append(jax_numpy.asarray(draw, leaf.dtype))
    return tuple(found)

"""What the program's own precision makes of values and gradients, against the same program in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.differentiation import differentiable, floating, lowest
from jaxsight_runner.derivatives.lifting import lifted, wide
from jaxsight_runner.derivatives.nonfinite import SECONDS, Origin, lost, origin
from jaxsight_runner.derivatives.replay import distance
from jaxsight_runner.program.prepared import Program

# from where on a difference counts, and how much worse than the inputs' own rounding it has to be
_LOSSES = {"bfloat16": 0.25, "float16": 5e-2, "complex64": 1e-2, "float32": 1e-2}
_EPSILONS = {"float32": 6e-8, "complex64": 6e-8, "float16": 5e-4, "bfloat16": 4e-3}
_WORSE = 30.0
_SMALLEST = {"float16": 6e-5}  # normal number; else about 1e-38


@dataclass(frozen=True)
class NativeTrouble:
    """Where the program's own precision does not do."""

    kind: Literal["overflow", "precision"]
    of: str  # "value", or the path of a leaf
    dtype: str
    loss: float
    origin: Optional[Origin]


def native_troubles(program: Program, seed: int) -> list[NativeTrouble]:
    """Run in the precision of the arguments, with 64-bit types off, then as float64, and compare.

    Called with 64-bit types off, which it turns on.
    """
    jax = import_module("jax")
    given = floating(program, promote=False)
    jaxpr = jax.make_jaxpr(given.function)(*given.point)
    dtypes = {str(leaf.dtype) for leaf in given.point} | {lowest(jaxpr)}
    narrow = next((dtype for dtype in _LOSSES if dtype in dtypes), None)
    if narrow is None:
        return []
    function = differentiable(given, jaxpr, seed, referenced=False)
    slopes = jax.grad(function.phi, argnums=tuple(range(len(given.point))))

    def both(*leaves: Any) -> Any:
        return given.function(*leaves), slopes(*leaves)

    whole = jax.make_jaxpr(both)(*given.point)
    values, gradient = jax.jit(both)(*given.point)
    native = [*values, *gradient]
    jax.config.update("jax_enable_x64", True)
    exact = jax.jit(lifted(whole))
    check = _Check(narrow, [*["value"] * len(values), *given.paths], native, given.point, exact)
    found = check.troubles()
    jax.config.update("jax_enable_x64", False)
    try:
        return [_located(trouble, given.function, slopes, given.point, found) for trouble in found]
    finally:
        jax.config.update("jax_enable_x64", True)


class _Check:
    """The comparison of all results."""

    def __init__(
        self,
        dtype: str,
        names: Sequence[str],
        native: Sequence[Any],
        point: Sequence[Any],
        exact: Callable[..., list[Any]],
    ) -> None:
        self._numpy = import_module("numpy")
        self._dtype, self._names, self._native = dtype, names, native
        self._point, self._exact = point, exact

    def troubles(self) -> list[NativeTrouble]:
        reference = self._exact(*self._point)
        found: list[NativeTrouble] = []
        for name, value, true in zip(self._names, self._native, reference):
            if not self._finite(true):
                continue
            if not self._finite(value):
                found.append(NativeTrouble("overflow", name, self._dtype, 1.0, None))
        if found:
            return found
        limit = _LOSSES[self._dtype]
        losses = [
            distance(value, true) if self._is_normal(true) else 0.0
            for value, true in zip(self._native, reference)
        ]
        if max(losses, default=0) <= limit:
            return []
        inherent = self._inherent(reference)
        for index, name in enumerate(self._names):
            true = reference[index]
            if losses[index] <= limit or self._is_negligible(index, true, reference):
                continue
            if losses[index] > _WORSE * inherent[index] and self._finite(true):
                found.append(NativeTrouble("precision", name, self._dtype, losses[index], None))
        return found

    def _is_normal(self, true: Any) -> bool:
        """Whether the largest element is a number that the precision can hold at all."""
        largest = float(self._numpy.max(self._numpy.abs(self._numpy.asarray(true)), initial=0))
        return largest > _SMALLEST.get(self._dtype, 1.2e-38)

    def _finite(self, value: Any) -> bool:
        return bool(self._numpy.all(self._numpy.isfinite(self._numpy.asarray(wide(value)))))

    def _inherent(self, reference: Sequence[Any]) -> list[float]:
        """What rounding the inputs does to the exact results: no program can do better."""
        epsilon, worst = _EPSILONS[self._dtype], [0.0] * len(reference)
        for seed in range(3):
            rng = self._numpy.random.default_rng([seed, 7])
            moved = [
                wide(x) * (1 + epsilon * rng.choice([-1.0, 1.0], x.shape)) for x in self._point
            ]
            found = self._exact(*moved)
            away = [distance(value, true) for value, true in zip(found, reference)]
            worst = [max(pair) for pair in zip(worst, away)]
        return worst

    def _is_negligible(self, index: int, true: Any, reference: Sequence[Any]) -> bool:
        """Whether a derivative is what rounding leaves of zero: tiny beside value over input."""
        count = len(self._names) - len(self._point)
        if index < count:
            return False
        numpy = self._numpy
        largest = max(
            float(numpy.max(numpy.abs(numpy.asarray(v)), initial=0)) for v in reference[:count]
        )
        leaf = self._point[index - count]
        size = float(numpy.max(numpy.abs(numpy.asarray(wide(leaf))), initial=0)) or 1.0
        others = max(
            float(numpy.max(numpy.abs(numpy.asarray(v)), initial=0)) for v in reference[count:]
        )
        floor = 300 * _EPSILONS[self._dtype] * max(largest / size, others)
        here = self._native[index]
        return float(numpy.max(numpy.abs(numpy.asarray(wide(here)) - numpy.asarray(true)))) <= floor


def _located(
    trouble: NativeTrouble,
    values: Callable[..., Any],
    slopes: Callable[..., Any],
    point: Sequence[Any],
    among: Sequence[NativeTrouble],
) -> NativeTrouble:
    """With the line: one replay is enough, of the value where the value is in trouble."""
    if trouble is not among[0]:
        return trouble
    function = values if trouble.of == "value" else slopes
    if trouble.kind == "overflow":
        place = origin(function, point)
    else:
        place = lost(function, point, trouble.loss, SECONDS)
    return NativeTrouble(trouble.kind, trouble.of, trouble.dtype, trouble.loss, place)

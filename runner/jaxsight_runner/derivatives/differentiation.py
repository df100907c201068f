"""A program as a differentiable function of its floating-point leaves, and its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal, Optional

from jaxsight_runner.costs.jaxprs import opened, sub_jaxprs
from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.lifting import Lifted, lifted
from jaxsight_runner.failures import stop
from jaxsight_runner.program.prepared import Program, is_inexact

Vector = Sequence[Any]  # one array for each differentiable leaf, of the user's jax
# what a program may round to, the worst first, and how far gradients may then be off, relative
_TOLERANCES = {"float8": 0.5, "bfloat16": 0.1, "float16": 2e-2, "float32": 2e-3, "complex64": 2e-3}
_EPSILONS = {"float8": 0.1, "bfloat16": 8e-3, "float16": 1e-3}  # of one operation
_FULL_TOLERANCE = 1e-5  # solvers that stop at some tolerance are no better


_WIDE = ("float64", "complex128")

# lifted: compiled in double precision, although the program rounds; eager: Python looks at its values
How = Literal["compiled", "lifted", "eager"]


@dataclass(frozen=True)
class Differentiable:
    """`phi(x) = <c, f(x)>`: the program's floating outputs against a fixed random cotangent."""

    phi: Callable[..., Any]  # phi(*leaves) -> real scalar
    point: tuple[Any, ...]
    paths: tuple[str, ...]
    precision: str  # "f64"; "mixed" where the program itself rounds to less; "native"
    jax: Any
    outputs: Callable[..., list[Any]]  # outputs(*leaves) -> what is floating of them
    values: Any  # the same, compiled
    step: Any  # compiled: (t, point, direction) -> phi(point + t * direction)
    gradient: Slopes  # compiled: (*leaves) -> one array for each leaf
    tolerance: float  # relative, of its gradients
    epsilon: float  # the rounding error of one operation in `step`
    how: How = "compiled"
    infinite: int = 0  # elements of the output that are infinite here, which phi leaves out
    # By forward mode, where there is no other.
    claim: Optional[Callable[[Vector, Vector], float]] = None

    def along(self, point: Vector, direction: Vector) -> Callable[[float], float]:
        """phi on the line through `point`."""
        given, along = tuple(point), tuple(direction)
        return lambda t: float(self.step(t, given, along))

    def claimed(self, point: Vector, gradient: Vector, direction: Vector) -> float:
        """The directional derivative that is to be checked."""
        return self.claim(point, direction) if self.claim else inner(gradient, direction)

    def pushed(self, direction: Vector) -> float:
        """The directional derivative by forward mode."""

        def pushed(*along: Any) -> Any:
            return self.jax.jvp(self.phi, tuple(self.point), along)[1]

        if self.how == "lifted":
            pushed = lifted(self.jax.make_jaxpr(pushed)(*direction))
            return float(pushed(*direction)[0])
        # compiled: a step that donates its arguments would take the point away
        return float(_compiled(self.jax, pushed, self.how)(*direction))

    def value(self, point: Vector) -> float:
        """phi at a point."""
        return float(self.step(0.0, tuple(point), _zeros(self.point)))

    def anew(self) -> Differentiable:
        """The same function with a gradient that is traced again when it is first asked for."""

        def phi(*leaves: Any) -> Any:
            return self.phi(*leaves)

        return replace(self, gradient=Slopes(self.jax, phi, len(self.point), self.how))

    def of_gradient(self, weights: Vector) -> Differentiable:
        """The gradient against fixed weights, as a function to differentiate once more."""
        slopes = self.jax.grad(self.phi, argnums=tuple(range(len(self.point))))

        def phi(*leaves: Any) -> Any:
            return _weighed(self.jax.numpy, weights, slopes(*leaves))

        def outputs(*leaves: Any) -> list[Any]:
            return list(slopes(*leaves))

        return replace(
            self,
            phi=phi,
            outputs=outputs,
            values=self.gradient,
            step=_compiled(self.jax, _step(self.jax.numpy, phi), self.how),
            gradient=Slopes(self.jax, phi, len(self.point), self.how),
        )


class Slopes:
    """The gradient of a function, compiled when it is first asked for, and the value that comes along."""

    def __init__(self, jax: Any, phi: Callable[..., Any], count: int, how: How) -> None:
        self._jax = jax
        self._how: How = how
        self._slopes = jax.value_and_grad(phi, argnums=tuple(range(count)))
        self._both: Optional[Callable[..., Any]] = None
        self._program: Optional[Lifted] = None

    def __call__(self, *leaves: Any) -> Vector:
        """One array for each leaf."""
        return self._computed(leaves)[1]

    def value(self, *leaves: Any) -> float:
        """What the function gives while it is differentiated."""
        return float(self._computed(leaves)[0])

    @property
    def rounds(self) -> bool:
        """Whether a lifted gradient rounds all the same."""
        return self._program is not None and self._program.rounds

    def _computed(self, leaves: Vector) -> tuple[Any, Vector]:
        both = self._both or self._made(leaves)
        self._both = both
        return both(*leaves)

    def _made(self, leaves: Vector) -> Callable[..., Any]:
        if self._how == "lifted":
            return self._lifted(leaves)
        return _compiled(self._jax, self._slopes, self._how)

    def _lifted(self, leaves: Vector) -> Callable[..., Any]:
        """The gradient that the program has, in double precision: rounding is no part of it."""
        self._program = lifted(self._jax.make_jaxpr(self._slopes)(*leaves))
        program = self._jax.jit(self._program)

        def both(*leaves: Any) -> tuple[Any, Vector]:
            value, *slopes = program(*leaves)
            return value, slopes

        return both


def _zeros(point: Vector) -> tuple[Any, ...]:
    numpy = import_module("jax").numpy
    return tuple(numpy.zeros_like(leaf) for leaf in point)


def _compiled(jax: Any, function: Callable[..., Any], how: How) -> Callable[..., Any]:
    return function if how == "eager" else jax.jit(function)


def _step(numpy: Any, phi: Callable[..., Any]) -> Callable[..., Any]:
    def step(t: Any, start: Any, direction: Any) -> Any:
        return phi(
            *[
                x + numpy.asarray(t, x.real.dtype) * v.astype(x.dtype)
                for x, v in zip(start, direction)
            ]
        )

    return step


def _weighed(numpy: Any, weights: Vector, values: Vector) -> Any:
    terms = [numpy.sum(numpy.real(w * v)) for w, v in zip(weights, values)]
    return sum(terms[1:], terms[0])


@dataclass(frozen=True)
class Outputs:
    """The program as a function of its floating leaves alone."""

    function: Callable[..., list[Any]]
    point: tuple[Any, ...]
    paths: tuple[str, ...]
    is_promoted: bool


def floating(program: Program, promote: bool, only_first: bool = False) -> Outputs:
    """The program with its floating leaves in float64, or as they are. `only_first`: of several results."""
    jax = import_module("jax")
    indices = [i for i, leaf in enumerate(program.leaves) if is_inexact(leaf)]
    if not indices:
        raise stop(
            "unsupported", "no argument holds floating-point numbers: nothing to differentiate"
        )
    base = [
        promoted(leaf) if promote and i in indices else leaf
        for i, leaf in enumerate(program.leaves)
    ]

    def outputs(*leaves: Any) -> list[Any]:
        filled = list(base)
        for index, leaf in zip(indices, leaves):
            filled[index] = leaf
        whole = program.call(*filled)[0]
        results = jax.tree_util.tree_leaves(whole[0] if only_first else whole)
        found = [jax.numpy.asarray(item) for item in results]
        return [item for item in found if is_inexact(item)]

    paths = tuple(program.paths[index] for index in indices)
    return Outputs(outputs, tuple(base[index] for index in indices), paths, promote)


def traced(program: Program) -> tuple[Outputs, Any]:
    """The program in float64 where it can be traced so, else as it is, else without 64 bits at all; with its jaxpr.

    A function that looks at its values in Python, as an `if` does, has a gradient and no jaxpr.
    """
    jax = import_module("jax")
    found = floating(program, promote=True)
    try:
        return found, jax.make_jaxpr(found.function)(*found.point)
    except jax.errors.JAXTypeError:
        return found, None
    except (TypeError, ValueError) as error:
        # dtypes written down in the program may not go together with float64 arguments
        if not _is_about_dtypes(error):
            raise
        jax.clear_caches()
    found = floating(program, promote=False)
    try:
        return found, jax.make_jaxpr(found.function)(*found.point)
    except (TypeError, ValueError) as error:
        if not _is_about_dtypes(error):
            raise
        jax.clear_caches()
        narrow = _narrow(found)
        if narrow is None:
            raise
    return narrow, jax.make_jaxpr(narrow.function)(*narrow.point)


def _narrow(given: Outputs) -> Optional[Outputs]:
    """The program without types of 64 bits, whose Python integers would not go together with its own."""
    jax = import_module("jax")
    holder = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    if any(str(leaf.dtype) in _WIDE for leaf in given.point):
        return None

    def outputs(*leaves: Any) -> list[Any]:
        with holder.enable_x64(False):
            return given.function(*leaves)

    return replace(given, function=outputs)


def differentiable(
    given: Outputs, jaxpr: Any, seed: int, referenced: bool = True
) -> Differentiable:
    """The derivatives of what was traced; `referenced`: differences are taken in double precision."""
    jax, numpy = import_module("jax"), import_module("numpy")
    how: How = "eager" if jaxpr is None else "compiled"
    compiled = _compiled(jax, given.function, how)
    values = compiled(*given.point)
    if not values:
        raise stop(
            "unsupported", "no output holds floating-point numbers: nothing to differentiate"
        )
    cotangents = _cotangents(values, numpy.random.default_rng([seed, 1]))
    infinite = [jax.numpy.isinf(value) for value in values]
    count = sum(int(numpy.sum(numpy.asarray(mask))) for mask in infinite)

    def phi(*leaves: Any) -> Any:
        found = given.function(*leaves)
        if count:
            # an element that is infinite, as masks make them, has no derivative and takes no part
            found = [jax.numpy.where(m, 0, value) for m, value in zip(infinite, found)]
        return _weighed(jax.numpy, cotangents, found)

    narrow = lowest(jaxpr) if given.is_promoted and jaxpr is not None else _lowest_of(values)
    found = Differentiable(
        phi=phi,
        point=given.point,
        paths=given.paths,
        precision="native" if not given.is_promoted else "mixed" if narrow else "f64",
        jax=jax,
        outputs=given.function,
        values=compiled,
        step=_compiled(jax, _step(jax.numpy, phi), how),
        gradient=Slopes(jax, phi, len(given.point), how),
        tolerance=_TOLERANCES.get(narrow or "", _FULL_TOLERANCE),
        epsilon=2.3e-16,
        how=how,
        infinite=count,
    )
    if found.precision == "f64" or not referenced or jaxpr is None:
        return found
    return _referenced(found, jaxpr, cotangents, infinite, narrow)


def _referenced(
    found: Differentiable,
    jaxpr: Any,
    cotangents: Vector,
    infinite: Vector,
    narrow: Optional[str],
) -> Differentiable:
    """With a reference in double precision beside the program's own, where that can be had."""
    jax, program = found.jax, lifted(jaxpr)

    def phi(*leaves: Any) -> Any:
        values = [jax.numpy.where(m, 0, v) for m, v in zip(infinite, program(*leaves))]
        return _weighed(jax.numpy, cotangents, values)

    def widened(t: Any, start: Any, direction: Any) -> Any:
        wide = [tuple(promoted(leaf) for leaf in leaves) for leaves in (start, direction)]
        return _step(jax.numpy, phi)(t, *wide)

    step = jax.jit(widened)
    gradient = Slopes(jax, found.phi, len(found.point), "lifted")
    try:
        zeros = _zeros(found.point)
        close = float(step(0.0, found.point, zeros)) + gradient.value(*found.point)
    except Exception as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise
        close = math.nan  # an operation that this cannot lift
    if not math.isfinite(close) or program.rounds or gradient.rounds:
        return replace(found, epsilon=_EPSILONS.get(narrow or "", 1.2e-7))
    return replace(found, step=step, gradient=gradient, how="lifted", tolerance=_FULL_TOLERANCE)


def _is_about_dtypes(error: Exception) -> bool:
    return any(word in str(error) for word in ("dtype", "float32", "float64", "bfloat16", "type"))


def promoted(leaf: Any) -> Any:
    """A floating leaf in double precision."""
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


def lowest(jaxpr: Any) -> Optional[str]:
    """The least precise type that the program rounds numbers to which depend on its inputs."""
    found: set[str] = set()
    for equation in opened(jaxpr).eqns:
        if any(map(_is_floating, equation.invars)):
            found.update(filter(None, map(_low, equation.outvars)))
        for nested in sub_jaxprs(equation):
            found.add(lowest(nested) or "")
    return next((name for name in _TOLERANCES if name in found), None)


def _lowest_of(values: Vector) -> Optional[str]:
    return next((name for name in _TOLERANCES if name in set(map(_low, values))), None)


def _is_floating(variable: Any) -> bool:
    name = str(getattr(getattr(variable, "aval", None), "dtype", ""))
    return "float" in name or "complex" in name


def _low(variable: Any) -> Optional[str]:
    name = str(getattr(getattr(variable, "aval", variable), "dtype", ""))
    return next((low for low in _TOLERANCES if name.startswith(low)), None)


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
    point: Vector, rng: Any, only: Optional[Container[int]] = None, mask: Optional[Any] = None
) -> tuple[Any, ...]:
    """A random direction, as large as the point is; of some leaves, or of some elements of one."""
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
        if only is not None and index not in only:
            draw = draw * 0
        elif mask is not None:
            draw = draw * mask
        found.append(jax_numpy.asarray(draw, leaf.dtype))
    return tuple(found)

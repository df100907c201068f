"""Runs a program in double precision although it casts to less itself: the reference for what it computes.

Only values come out of it, no derivatives: custom rules are of no account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import (
    Equation,
    Jaxpr,
    is_literal,
    live_equations,
    opened,
    scan_counts,
    sub_jaxprs,
)
from jaxsight_runner.program.prepared import is_inexact

_CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
ENTERED = frozenset(
    ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", *_CUSTOM)
)
# operations on the bits of numbers, and those of which the jaxpr does not say all
_AS_WRITTEN = ("bitcast", "random", "threefry", "callback", "ffi", "pallas", "shard_map")


def lifted(jaxpr: Jaxpr) -> Lifted:
    """The program as a function of its inputs, which are promoted."""
    return Lifted(jaxpr)


class Lifted:
    """A program in double precision."""

    def __init__(self, jaxpr: Jaxpr) -> None:
        self._jaxpr = jaxpr
        self.rounds = False  # known once it was called: some operation had to run as it is written

    def __call__(self, *values: Any) -> list[Any]:
        """Its results."""
        lift = _Lift()
        found = lift.body(self._jaxpr, [wide(value) for value in values])
        self.rounds = self.rounds or lift.rounds
        return found


class _Lift:
    """One evaluation, which jax traces."""

    def __init__(self) -> None:
        self._jax = import_module("jax")
        self.rounds = False

    def body(self, program: Jaxpr, values: Sequence[Any]) -> list[Any]:
        inner = opened(program)
        known: dict[Any, Any] = {}
        known.update(zip(inner.constvars, map(wide, getattr(program, "consts", None) or ())))
        known.update(zip(inner.invars, values))

        def read(variable: Any) -> Any:
            if is_literal(variable):
                return _literal(variable)
            if variable not in known:  # what made it is not needed, and left out
                known[variable] = wide(
                    self._jax.numpy.zeros(variable.aval.shape, variable.aval.dtype)
                )
            return known[variable]

        for equation, _ in live_equations(program)[0]:
            found = self._equation(equation, [read(v) for v in equation.invars])
            known.update(zip(equation.outvars, found))
        return [read(variable) for variable in inner.outvars]

    def _equation(self, equation: Equation, values: list[Any]) -> list[Any]:
        name, nested = equation.primitive.name, sub_jaxprs(equation)
        if name == "scan":
            return self._scan(equation, nested[0], values)
        if name == "while":
            return self._while(equation, values)
        if name == "cond":
            branches = [self._function(each) for each in nested]
            return list(self._jax.lax.switch(values[0], branches, *values[1:]))
        if name in ENTERED and nested and len(opened(nested[0]).invars) == len(values):
            return self.body(nested[0], values)
        if name == "shard_map":
            found = self._shard_map(equation, nested[0], values)
            if found is not None:
                return found
        found = _widely_bound(equation, values)
        if found is None:
            self.rounds = self.rounds or (
                any(map(is_inexact, values))
                and any(hasattr(v.aval, "dtype") and is_inexact(v.aval) for v in equation.outvars)
            )
            found = _narrowly_bound(equation, values)
        return found

    def _shard_map(self, equation: Equation, body: Jaxpr, values: list[Any]) -> Optional[list[Any]]:
        """With its body lifted; None where this JAX does not say enough to write it again."""
        given, jax = equation.params, self._jax
        known = {
            name: given[name]
            for name in ("mesh", "in_specs", "out_specs", "check_vma", "check_rep", "auto")
            if name in given
        }
        for name, other in (("in_names", "in_specs"), ("out_names", "out_specs")):
            if name in given:
                known[other] = tuple(map(_spec, given[name]))
        manual = given.get("newly_manual_axes", given.get("manual_axes"))
        if manual is not None:
            known["axis_names"] = set(manual)
        try:
            shard_map = (
                jax.shard_map
                if hasattr(jax, "shard_map")
                else import_module("jax.experimental.shard_map").shard_map
            )
            return list(shard_map(self._rows(body), **known)(*values))
        except (TypeError, ValueError, NotImplementedError, ImportError):
            return None

    def _rows(self, program: Jaxpr) -> Callable[..., tuple[Any, ...]]:
        def function(*given: Any) -> tuple[Any, ...]:
            return tuple(self.body(program, given))

        return function

    def _scan(self, equation: Equation, body: Jaxpr, values: list[Any]) -> list[Any]:
        constants, carried = scan_counts(equation)
        end = constants + carried

        def step(carry: Any, row: Any) -> tuple[Any, Any]:
            found = self.body(body, [*values[:constants], *carry, *row])
            return found[:carried], found[carried:]

        parameters = equation.params
        carry, rows = self._jax.lax.scan(
            step,
            values[constants:end],
            values[end:],
            length=parameters["length"],
            reverse=parameters["reverse"],
        )
        return [*carry, *rows]

    def _while(self, equation: Equation, values: list[Any]) -> list[Any]:
        parameters = equation.params
        first, second = parameters["cond_nconsts"], parameters["body_nconsts"]
        asked, fixed = values[:first], values[first : first + second]

        def goes_on(carry: list[Any]) -> Any:
            return self.body(parameters["cond_jaxpr"], [*asked, *carry])[0]

        def step(carry: list[Any]) -> list[Any]:
            return self.body(parameters["body_jaxpr"], [*fixed, *carry])

        return list(self._jax.lax.while_loop(goes_on, step, values[first + second :]))

    def _function(self, program: Jaxpr) -> Callable[..., list[Any]]:
        def function(*given: Any) -> list[Any]:
            return self.body(program, given)

        return function


def bind(
    equation: Equation, values: Sequence[Any], parameters: Optional[dict[str, Any]] = None
) -> list[Any]:
    """What one equation gives for these values, with its own parameters or others."""
    bound = equation.primitive.get_bind_params(parameters or equation.params)
    functions, named = ((), bound) if isinstance(bound, dict) else bound  # pyright: ignore
    found: Any = equation.primitive.bind(*functions, *values, **named)
    return list(found) if equation.primitive.multiple_results else [found]


def wide_bind(equation: Equation, values: Sequence[Any]) -> list[Any]:
    """What one equation gives in double precision."""
    found = _widely_bound(equation, values)
    return _narrowly_bound(equation, values) if found is None else found


def _widely_bound(equation: Equation, values: Sequence[Any]) -> Optional[list[Any]]:
    """None where an operation is not defined in double precision."""
    name = equation.primitive.name
    if name == "reduce_precision":
        return [values[0]]
    if sub_jaxprs(equation) or any(word in name for word in _AS_WRITTEN):
        return None
    try:
        return [wide(value) for value in bind(equation, values, _widened(equation))]
    except (TypeError, ValueError, NotImplementedError):
        return None


def _narrowly_bound(equation: Equation, values: Sequence[Any]) -> list[Any]:
    """As it is written."""
    narrow = [
        value.astype(variable.aval.dtype) if is_inexact(value) else value
        for value, variable in zip(values, equation.invars)
    ]
    return [wide(value) for value in bind(equation, narrow)]


def _spec(names: Mapping[int, Any]) -> Any:
    """The axes of each dimension, as older releases write them, as a `PartitionSpec`."""
    spec = import_module("jax").sharding.PartitionSpec
    return spec(*(names.get(index) for index in range(max(names, default=-1) + 1)))


def _widened(equation: Equation) -> dict[str, Any]:
    """The equation's parameters, with double precision wherever they name a floating type."""
    found = dict(equation.params)
    for name in ("new_dtype", "preferred_element_type", "dtype"):
        if found.get(name) is not None:
            found[name] = _wide_dtype(found[name])
    return found


def wide(value: Any) -> Any:
    """A value in double precision, where it is floating."""
    numpy = import_module("jax").numpy
    value = numpy.asarray(value) if not hasattr(value, "aval") else value
    return value.astype(_wide_dtype(value.dtype)) if is_inexact(value) else value


def _wide_dtype(dtype: Any) -> Any:
    numpy = import_module("jax").numpy
    if numpy.issubdtype(dtype, numpy.complexfloating):
        return numpy.dtype("complex128")
    return numpy.dtype("float64") if numpy.issubdtype(dtype, numpy.floating) else dtype


def _literal(variable: Any) -> Any:
    return wide(import_module("jax").numpy.asarray(variable.val, variable.aval.dtype))

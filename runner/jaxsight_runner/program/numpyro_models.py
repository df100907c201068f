"""NumPyro models: what is run of one is its potential energy, the function that inference calls.

The potential energy is the negative log density of the data and the latent sites, as a function of
the latent values without their constraints (a scale as its logarithm).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from types import CodeType
from typing import Any, Optional

from jaxsight_runner.data import dataclass

NAME = "unconstrained"  # the argument before the model's own


@dataclass(frozen=True)
class Potential:
    """A model's potential energy and where it is evaluated."""

    function: Callable[..., Any]  # of the unconstrained values and the model's own arguments
    values: Any  # by site
    note: str


def potential(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Optional[Potential]:
    """The potential energy, where a function is a NumPyro model; None where it is none."""
    if "numpyro" not in sys.modules or not _has_sites(model):
        return None
    jax = import_module("jax")
    util = import_module("numpyro.infer.util")
    key = jax.random.PRNGKey(0)
    sites: list[str] = []

    def initial(*leaves: Any) -> Any:
        filled, named = _filled(args, kwargs, leaves)
        made = util.initialize_model(
            key, model, model_args=filled, model_kwargs=named, validate_grad=False
        )
        sites.extend(made.model_trace)
        return made.param_info.z, made.param_info.potential_energy

    arrays = _arrays(args, kwargs)
    shapes = any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in arrays)
    values = (jax.eval_shape(initial, *arrays) if shapes else _at_once(initial, arrays))[0]
    if not sites:
        return None

    def energy(unconstrained: Any, *args: Any, **kwargs: Any) -> Any:
        return util.potential_energy(model, args, kwargs, unconstrained)

    names = ", ".join(f"`{name}`" for name in values) or "no latent site"
    note = (
        f"a NumPyro model: what is run is its potential energy, a function of {names} without "
        "constraints, at a point that NumPyro chose with `jax.random.PRNGKey(0)`"
    )
    return Potential(energy, values, note)


def _at_once(initial: Callable[..., Any], arrays: list[Any]) -> Any:
    """Compiled as one program: operation by operation that takes twice as long, and does where this fails.

    Where NumPyro finds no valid point, it says so only outside of compiled code.
    """
    jax = import_module("jax")
    try:
        found = jax.jit(initial)(*arrays)
    except Exception:  # a model may look at its arguments' values
        return initial(*arrays)
    return found if bool(jax.numpy.isfinite(found[1])) else initial(*arrays)


def _has_sites(function: Any) -> bool:
    """Whether a function's code may call `numpyro.sample` and the like, itself or by what it calls."""
    function = inspect.unwrap(function)
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    seen: set[CodeType] = set()
    waiting = [code] if isinstance(code, CodeType) else []
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        for name in item.co_names:
            value = names.get(name)
            if getattr(value, "__name__", "") == "numpyro" or "numpyro" in str(
                getattr(value, "__module__", "")
            ):
                return True
            if inspect.isfunction(value) and value.__globals__ is names:
                waiting.append(value.__code__)
        waiting += [inner for inner in item.co_consts if isinstance(inner, CodeType)]
    return False


def _arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    leaves = import_module("jax").tree_util.tree_leaves((args, kwargs))
    return [leaf for leaf in leaves if _is_array(leaf)]


def _filled(
    args: tuple[Any, ...], kwargs: dict[str, Any], values: tuple[Any, ...]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with other arrays."""
    jax = import_module("jax")
    leaves, tree = jax.tree_util.tree_flatten((args, kwargs))
    given = iter(values)
    return jax.tree_util.tree_unflatten(
        tree, [next(given) if _is_array(leaf) else leaf for leaf in leaves]
    )


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")

"""What is differentiated of a target, and from which ranges its inputs come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Optional

from jaxsight_runner.inputs.arguments import wanted_arguments
from jaxsight_runner.inputs.spec import ArraySpec, NestSpec, Value
from jaxsight_runner.loading.target import Loaded


def differentiated(loaded: Loaded) -> tuple[Loaded, tuple[str, ...]]:
    """For a gradient function (`jax.grad`, `jax.value_and_grad` and kin), the function it differentiates."""
    found = _inside(loaded.function)
    if found is None:
        return loaded, ()
    note = f"`{loaded.request.qualname}` computes a gradient: the function inside it is checked"
    return replace(loaded, function=found), (note,)


def _inside(function: Any) -> Optional[Callable[..., Any]]:
    """The function that a gradient function differentiates; its first result, where others come along."""
    code, held = getattr(function, "__code__", None), _closure(function)
    name = getattr(code, "co_name", "")
    if name == "reraise_with_filtered_traceback":  # around every transformation of jax
        return _inside(held.get("fun"))
    if name == "update_context_manager_wrapper":  # around every transformation of NNX
        return _inside(held.get("f"))
    if name in ("grad_f", "grad_f_aux"):
        return _inside(held.get("value_and_grad_f"))
    if name in ("value_and_grad_f", "grad_wrapper"):  # of jax, of NNX
        inner = held.get("fun", held.get("f", getattr(function, "__wrapped__", None)))
        return _first(inner) if held.get("has_aux") and inner is not None else inner
    return _inside_object(function)


def _inside_object(function: Any) -> Optional[Callable[..., Any]]:
    """The same for a compiled function, and for the gradient functions of Equinox."""
    kind, inner = type(function).__name__, getattr(function, "_fun", None)
    if inner is not None and "ValueAndGrad" in kind:
        return _first(inner) if getattr(function, "_has_aux", False) else inner
    if hasattr(function, "_fun_value_and_grad"):
        return _inside(function._fun_value_and_grad)
    if inner is not None and "Jit" in kind:
        return _inside(inner)
    return _inside(function.__wrapped__) if hasattr(function, "lower") else None


def _closure(function: Any) -> dict[str, Any]:
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is None or not cells:
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, cells):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return found


def _first(function: Any) -> Callable[..., Any]:
    def first(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)[0]

    first.__wrapped__ = function  # type: ignore[attr-defined]
    return first


def ranges_of(loaded: Loaded) -> dict[str, Optional[tuple[float, float]]]:
    """The ranges that the inputs declare, by the path of the leaf."""
    found: dict[str, Optional[tuple[float, float]]] = {}
    for name, value in wanted_arguments(loaded).values.items():
        found.update(_ranges(value, name))
    return found


def _ranges(value: Value, path: str) -> Iterator[tuple[str, Optional[tuple[float, float]]]]:
    if isinstance(value, ArraySpec):
        yield path, value.range
    elif isinstance(value, NestSpec):
        for index, item in enumerate(value.items):
            key = repr(value.names[index]) if value.kind == "dict" else str(index)
            yield from _ranges(item, f"{path}[{key}]")

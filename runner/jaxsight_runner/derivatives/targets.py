"""What is differentiated of a target, and from which ranges its inputs come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Optional

from jaxsight_runner.inputs.arguments import wanted_arguments
from jaxsight_runner.inputs.spec import ArraySpec, NestSpec, Value
from jaxsight_runner.loading.target import Loaded

_GRADIENTS = ("grad_f", "grad_f_aux", "value_and_grad_f", "grad_wrapper")


def differentiated(loaded: Loaded) -> tuple[Loaded, tuple[str, ...]]:
    """For a gradient function (`jax.grad`, `jax.value_and_grad` and kin), the function it differentiates."""
    found = _inside(loaded.function)
    if found is None:
        return loaded, ()
    note = f"`{loaded.request.qualname}` computes a gradient: the function inside it is checked"
    return replace(loaded, function=found), (note,)


def _inside(function: Any) -> Optional[Callable[..., Any]]:
    """The function that a gradient function differentiates; its first result, where others come along."""
    for each in _layers(function):
        code = getattr(each, "__code__", None)
        if code is not None and code.co_name in _GRADIENTS:
            held = _closure(each)
            inner = held.get("fun", held.get("f", getattr(each, "__wrapped__", None)))
            return _first(inner) if held.get("has_aux") else inner
        inner = getattr(each, "_fun", None)
        if inner is not None and "ValueAndGrad" in type(each).__name__:  # of Equinox
            return _first(inner) if getattr(each, "_has_aux", False) else inner
        value_and_grad = getattr(each, "_fun_value_and_grad", None)
        if value_and_grad is not None:
            return _inside(value_and_grad)
    return None


def _layers(function: Any) -> Iterator[Any]:
    """A function and what it wraps."""
    seen: list[Any] = []
    while function is not None and function not in seen:
        seen.append(function)
        yield function
        held = _closure(function)
        next_layer = (
            held.get("fun") if "value_and_grad" not in str(held.get("fun")) else held["fun"]
        )
        function = getattr(function, "__wrapped__", None) or next_layer


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

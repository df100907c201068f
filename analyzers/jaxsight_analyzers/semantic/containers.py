"""Containers change: an item is appended, an entry or a field is set.

A value says what a container holds now, and every name that stands for the same object holds the same
value. So a change gives all of them the new one.
"""

from __future__ import annotations

from jaxsight_analyzers.semantic.contexts import Environment
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import Value, parts_of, rebuilt

_MOST_LEVELS = 3


def replaced(run: Run, old: Value, new: Value) -> None:
    """Every name that stands for an object, or for what holds it, stands for what it is now."""
    environment: Environment | None = run.frame.environment
    while environment is not None and environment is not run.module:
        _replaced_in(environment, old, new)
        environment = environment.parent
    if run.frame.environment is run.module:
        _replaced_in(run.module, old, new)


def _replaced_in(environment: Environment, old: Value, new: Value) -> None:
    names = environment.state.names
    for name, value in list(names.items()):
        if value is old:
            names[name] = new
        elif _holds(value, old, _MOST_LEVELS):
            names[name] = _with(value, old, new)


def _holds(value: Value, part: Value, levels: int) -> bool:
    inside = parts_of(value) if levels else None
    return inside is not None and any(
        one is part or _holds(one, part, levels - 1) for one in inside
    )


def _with(value: Value, old: Value, new: Value) -> Value:
    if value is old:
        return new
    made = rebuilt(value, lambda part: _with(part, old, new))
    return value if made is None else made

"""Which values of a spec are the target's own parameters, and which are there for others.

A spec may name helpers that later expressions use (`m = Net(), variables = m.init(...)`), and for a
function inside a function the parameters of both.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.spec import ExpressionSpec, Value
from jaxsight_runner.loading.loaded import Loaded

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Owned:
    """The values of a spec, in order, and which of them are no parameters of the target."""

    values: dict[str, Value]
    helpers: frozenset[str]
    others: dict[str, Value]  # of the functions that the target is defined in, or that define it


def owned(values: Mapping[str, Value], loaded: Loaded) -> Owned:
    """Sort a spec's values; refuses a name that nobody has."""
    parameters = loaded.parameters
    named = _name_self(values, loaded)
    helpers = helper_names(named) - set(parameters) - loaded.others
    others = {n: v for n, v in named.items() if n in loaded.others and n not in parameters}
    own = {name: value for name, value in named.items() if name not in others}
    _refuse_unknown(own, parameters, helpers, loaded)
    return Owned(own, frozenset(helpers & set(own)), others)


def helper_names(values: Mapping[str, Value]) -> set[str]:
    """Names that a later expression of the spec mentions."""
    found: set[str] = set()
    before: set[str] = set()
    for name, value in values.items():
        if isinstance(value, ExpressionSpec):
            tree = ast.parse(value.text, mode="eval")
            found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & before
        before.add(name)
    return found


def _name_self(values: Mapping[str, Value], loaded: Loaded) -> dict[str, Value]:
    """`model = Model(...)` gives a method its `self`: the one expression that is no parameter."""
    parameters = loaded.parameters
    first = next(iter(parameters), None)
    others = [name for name in values if name not in parameters and name not in loaded.others]
    others = [name for name in others if name not in helper_names(values)]
    if loaded.owner is None or first is None or first in values or len(others) != 1:
        return dict(values)
    if not isinstance(values[others[0]], ExpressionSpec):
        return dict(values)
    return {first if name == others[0] else name: value for name, value in values.items()}


def _refuse_unknown(
    values: Mapping[str, Value],
    parameters: Mapping[str, inspect.Parameter],
    helpers: set[str],
    loaded: Loaded,
) -> None:
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in values:
        if name in helpers:
            continue
        if name not in parameters or parameters[name].kind in VARIADIC:
            known = ", ".join(f"`{item}`" for item in parameters) or "none"
            raise stop(
                "inputs",
                f"`{loaded.request.qualname}` has no parameter `{name}`; its parameters: {known}",
            )

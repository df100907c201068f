"""What draws from a model when it is called: `Predictive(model, samples)`, and what it is called with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.parameters import defaults_of
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import (
    NONE,
    FunctionData,
    PredictiveValue,
    Value,
    constant_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


_FORECAST = ("future", "forecast", "horizon")
"""Words in the names of parameters that say for how long to go on from the data."""


class ObservedSeen(NamedTuple):
    """Data that a model observes, given to what is to predict them."""

    node: ast.expr  # the argument
    call: ast.Call
    parameter: str
    model: str
    site: str | None  # the name of the site that it is observed at
    frame: Frame
    guards: tuple[str, ...]


def of_model(run: Run, facts: FunctionFacts, model: FunctionData, arguments: Arguments) -> Value:
    """`Predictive(model, samples)`."""
    asked = arguments.open or any(
        arguments.get(facts, name) is not None for name in ("return_sites", "infer_discrete")
    )
    posterior = arguments.get(facts, "posterior_samples") or arguments.get(facts, "guide")
    keeps = asked or posterior is None
    return PredictiveValue(run.facts(facts.calls_as), model, keeps)


def note_call(run: Run, node: ast.Call, function: Value, arguments: Arguments) -> None:
    """Record the data that a prediction is given though the model observes them."""
    model = function.model
    if model is None or getattr(function, "keeps", True) or run.frame.state.dead:
        return
    run.depend(model.scope)
    observed = dict(_observed_by(model))
    given = dict(zip(_parameters(model), zip(arguments.nodes[1:], arguments.positional[1:])))
    for name, value in arguments.keywords.items():
        written = (arguments.keyword_nodes or {}).get(name)
        if written is not None:
            given[name] = written, value
    if any(word in name for name in given for word in _FORECAST):
        return  # it goes on from the data
    for name, (written, value) in given.items():
        if (
            name in observed
            and not isinstance(written, ast.Starred)
            and not _may_be_none(run, written, value)
        ):
            run.events.observed.append(
                ObservedSeen(written, node, name, model.name, observed[name], run.frame, run.guards)
            )


def _parameters(model: FunctionData) -> tuple[str, ...]:
    bound = len(model.bound) + (model.self_value is not None)
    taken = [name for name, _ in model.bound_names]
    return tuple([name for name in model.scope.parameters.positional[bound:] if name not in taken])


def _observed_by(model: FunctionData) -> Iterator[tuple[str, str | None]]:
    """The parameters that are None unless they are given, and that the model gives to a site as they are."""
    defaults = defaults_of(model.node.args)
    optional = [
        n
        for n, value in defaults.items()
        if isinstance(value, ast.Constant) and value.value is None
    ]
    rebound = {
        one.id
        for one in walk(model.node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    }
    for call in walk(model.node):
        if not isinstance(call, ast.Call):
            continue
        name = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        )
        given = next((k.value for k in call.keywords if k.arg == "obs"), None)
        if name != "sample" or not isinstance(given, ast.Name):
            continue
        if given.id in optional and given.id not in rebound:
            first = call.args[0] if call.args else None
            text = first.value if isinstance(first, ast.Constant) else None
            yield given.id, text if isinstance(text, str) else None


def _may_be_none(run: Run, node: ast.expr, value: Value) -> bool:
    """Whether an argument is None, or is passed on from who may have left it out."""
    if value is NONE or value.optional or constant_of(value) is None:
        return True
    scope = run.frame.scope
    if not isinstance(node, ast.Name) or scope is None:
        return not isinstance(node, (ast.Name, ast.Call, ast.Subscript, ast.Attribute))
    default = scope.parameters.defaults.get(node.id)
    return isinstance(default, ast.Constant) and default.value is None

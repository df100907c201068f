"""State of NNX modules that code changes while it is traced: what is handed back, what is lost, what fails.

A variable is changed by `variable[...] = x`, by an optimiser's update, and by layers such as batch norm and
dropout, unless these only evaluate. NNX's transformations hand that back for modules that are arguments; those
of JAX work on copies, and no trace may change what lives outside of it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple, TypeGuard, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import effects, homes, nnx_modules
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.harmless import MAKERS
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, statements_below
from jaxsight_analyzers.semantic.states import OF_THE_CALLER, Home
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import MISSING, STATIC, Value, class_of, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.events import EffectSeen

HOW = "variable"
"""How an effect changes a place that is a variable, or a module's own."""
LEARNS = "learns"
"""Marks what changes while gradients are taken: modules train then."""
_SWITCHES = ("use_running_average", "deterministic")


class StateLostSeen(NamedTuple):
    """A change of a variable that a transformation of JAX makes to a copy of the module."""

    node: ast.AST  # the application of the transformation, or where the function changes it if that lies elsewhere
    transformation: Transformation
    what: str  # `model.count`
    function: str  # that is transformed
    by: str  # what changes it: "a layer", "the optimizer", "a variable"
    site: ast.AST  # where that stands
    certainty: Certainty
    guards: tuple[str, ...]


class ChangedOutsideSeen(NamedTuple):
    """A change of a variable that lives outside of the trace that runs."""

    node: ast.AST  # where the traced function changes it, or calls what does
    transformation: Transformation
    root: str  # the name that the function takes from around it
    what: str
    by: str
    site: ast.AST
    certainty: Certainty
    guards: tuple[str, ...]


class CounterSeen(NamedTuple):
    """A Python number in a module that a compiled function changes: static, and another one in each call."""

    node: ast.Attribute
    by: str  # the transformation, by qualified name
    start: ast.expr  # what the constructor gives it
    guards: tuple[str, ...]


def note_counter(run: Run, target: ast.Attribute, base: Value, statement: ast.stmt | None) -> None:
    """Note `self.steps += 1` under `nnx.jit`, where `self.steps` is a number of Python."""
    frame, owner = run.frame, class_of(base)
    if owner is None or not isinstance(statement, ast.AugAssign) or not frame.compiled:
        return
    if not frame.tracer.startswith("flax.nnx.") or not nnx_modules.is_module(run, base):
        return
    scope = frame.scope
    if scope is None or scope.name in MAKERS or not _is_number(statement.value):
        return
    start = _start(run, owner, target.attr)
    if start is not None:
        run.events.nnx_counters.append(CounterSeen(target, frame.tracer, start, run.guards))


def _is_number(node: ast.expr | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _start(run: Run, owner: ClassScope, name: str) -> ast.expr | None:
    """The number that the constructor gives to an attribute, where that is all it gets but for additions."""
    given = _given(run, owner, name)
    return given[0] if len(given) == 1 and _is_number(given[0]) else None


def _given(run: Run, owner: ClassScope, name: str) -> list[ast.expr]:
    """What the methods of a class assign to an attribute."""
    given: list[ast.expr] = []
    for method_name in owner.writers(name):
        method = owner.methods[method_name]
        run.depend(method)
        if isinstance(method.node, ast.Lambda):
            return []
        given += [
            one.value
            for one in statements_below(method.node.body)
            if isinstance(one, ast.Assign)
            and any(isinstance(t, ast.Attribute) and t.attr == name for t in one.targets)
        ]
    return given


def is_written(run: Run, target: ast.expr, base: Value) -> bool:
    """Whether `target = x` changes what a variable holds: `v[...] = x`, `v.value = x`."""
    if isinstance(target, ast.Attribute) and target.attr not in ("value", "raw_value"):
        return False
    return base.data is not None and nnx_modules.is_variable(run, base)


def layer_called(run: Run, node: ast.Call, facts: FunctionFacts, arguments: Arguments) -> None:
    """A call of a layer that changes its statistics or draws random numbers, unless it only evaluates."""
    if run.frame.scope is None:
        return
    told = [arguments.keywords[name] for name in _SWITCHES if name in arguments.keywords]
    is_off = constant_of(told[0]) if told else MISSING
    home = homes.home_of_object(run, node.func)
    drops = _drops(run, node, facts, arguments)
    if home is None or is_off is True or drops is Certainty.NO:
        return
    certainty = min(home.certainty, drops) if is_off is False else Certainty.MAYBE
    what = homes.text(home, node.func)
    home = home._replace(certainty=min(home.certainty, certainty))
    effects.note(run, node, "write", home, what, STATIC, how=HOW)


def _drops(run: Run, node: ast.Call, facts: FunctionFacts, arguments: Arguments) -> Certainty:
    """Whether a dropout that is switched on draws: not without a rate, nor without a stream of its own."""
    if not facts.name.endswith(".Dropout()") or "rngs" in arguments.keywords:
        return Certainty.YES
    made = _made_by(run, node.func)
    if made is None or any(keyword.arg is None for keyword in made.keywords):
        return Certainty.MAYBE
    given = {keyword.arg: keyword.value for keyword in made.keywords}
    rate = made.args[0] if made.args else given.get("rate")
    if "rngs" not in given or (_is_number(rate) and not rate.value):
        return Certainty.NO
    return Certainty.YES if _is_number(rate) else Certainty.MAYBE


def _made_by(run: Run, layer: ast.expr) -> ast.Call | None:
    """The one call that the constructor gives to the attribute that is called; None where it is not seen."""
    if not isinstance(layer, ast.Attribute):
        return None
    base = nnx_modules.held_by(run, layer.value)
    owner = None if base is None else class_of(base)
    given = [] if owner is None else _given(run, owner, layer.attr)
    made = given[0] if len(given) == 1 else None
    return made if isinstance(made, ast.Call) else None


def updated(run: Run, node: ast.Call, places: tuple[ast.expr, ...]) -> None:
    """`optimizer.update(model, grads)` changes the optimizer and the model, `nnx.update(model, state)` the model."""
    if run.frame.scope is None:
        return
    for place in places:
        home = homes.home_of_object(run, place)
        if home is not None:
            effects.note(run, node, "write", home, homes.text(home, place), STATIC, how=HOW)


def note(run: Run, seen: EffectSeen, home: Home) -> None:
    """Note what becomes of a change of a variable where it is seen, or comes back with a call."""
    here = run.frame
    ends = here.tracing
    if not here.traced or seen.certainty is Certainty.NO:
        return
    node = seen.through[0][1] if seen.through else seen.node
    by = _by(seen.node)
    if home.category not in OF_THE_CALLER or home.environment is not None:
        tracing = next((f.tracing for f in here.chain() if f.tracing is not None), None)
        if tracing is not None:
            outside = ChangedOutsideSeen(
                node, tracing, home.name, seen.what, by, seen.node, seen.certainty, seen.guards
            )
            run.events.nnx_outside.append(outside)
    elif ends is not None and _loses(ends) and not _is_returned(here, home.name):
        where = ends.node if _is_beside(here, ends.node) else node
        lost = StateLostSeen(
            where, ends, seen.what, here.name, by, seen.node, seen.certainty, seen.guards
        )
        run.events.nnx_lost.append(lost)


def _is_beside(frame: Frame, node: ast.AST) -> bool:
    """Whether a node lies in the chunk of the file that a function lies in, which is looked at as a whole."""
    parsed = frame.module.parsed
    owned = parsed.owns(node) and parsed.owns(frame.node)
    return owned and parsed.number_of(node) == parsed.number_of(frame.node)


def _by(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return "a variable"
    if isinstance(node.func, ast.Name):
        return "a variable" if node.func.id == "update" else "a layer"
    base = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "update":
        return "a layer"
    return "a variable" if isinstance(base, ast.Name) and base.id == "nnx" else "the optimizer"


def _loses(transformation: Transformation) -> bool:
    return transformation.qualified.startswith("jax.") and not transformation.facts.only_traces


def _is_returned(frame: Frame, name: str) -> bool:
    """Whether a function returns an argument, or the state of it."""
    body = getattr(frame.node, "body", None)
    if not isinstance(body, list):
        return isinstance(body, ast.AST) and _is_handed_on(body, {name})
    statements = statements_below(cast("list[ast.stmt]", body))
    held = {name}
    for one in statements:
        if isinstance(one, ast.Assign) and _is_handed_on(one.value, held):
            held |= {n.id for t in one.targets for n in walk(t) if isinstance(n, ast.Name)}
        if isinstance(one, ast.Return) and one.value is not None and _is_handed_on(one.value, held):
            return True
    return False


_STATE_OF = frozenset(
    (
        "split",
        "state",
        "pop",
        "clone",
        "variables",
        "to_pure_dict",
        "as_pure",
        "pure",
        "graphdef",
        "list",
        "tuple",
        "dict",
    )
)


def _is_handed_on(node: ast.AST, names: set[str]) -> bool:
    """Whether an object, a part or the state of it, stands in an expression, and not as what is called."""
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Name) and inner.id in names:
            return True
        if not isinstance(inner, ast.Call):
            waiting += list(ast.iter_child_nodes(inner))
        elif getattr(inner.func, "attr", getattr(inner.func, "id", "")) in _STATE_OF:
            waiting += [*inner.args, *(one.value for one in inner.keywords)]
    return False

"""Steps of optimisers: what `init`, `update` and `apply_updates` are given, and what they make of it.

Updates know the optimiser and the call that made them, its first state the parameters it was made for, and
gradients of which function they are, so that a step can be followed through a function.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.semantic import equinox_leaves, expressions, optimisers
from jaxsight_analyzers.semantic.contexts import Frame, place
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.optimisers import Optimiser
from jaxsight_analyzers.semantic.structures import sequence
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Value, constant_of, with_data

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class Gradient(Described):
    """The derivative of a function by its parameters."""

    function: str

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.function


class Pair(tuple["Value", ...]):
    """What a derivative is returned with: the value before it, or what else the function returns behind it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Updates(Described):
    """What an optimiser made of gradients."""

    optimiser: Optimiser
    node: ast.Call
    of: Gradient | None

    @property
    def signature(self) -> object:
        """What tells them from others."""
        return self.optimiser.signature, place(self.node), self.of and self.of.signature


@dataclass(frozen=True, slots=True, eq=False)
class FirstState(Described):
    """What `init` returned, and what it was given."""

    params: ast.expr
    node: ast.Call

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return place(self.node)


class UpdateSeen(NamedTuple):
    """A call of an optimiser's `update`."""

    node: ast.Call
    optimiser: Optimiser
    has_params: bool | None  # None: not known
    given: frozenset[str] | None  # the extra arguments; None: not known
    grads: ast.expr | None
    state: ast.expr | None
    first: FirstState | None  # where the state comes from, when it is the first
    wrong: str  # what is given in a wrong place, see `_misplaced`; empty where nothing is
    frame: Frame
    guards: tuple[str, ...]


class AppliedUpdatesSeen(NamedTuple):
    """A call of `optax.apply_updates`."""

    node: ast.Call
    params: ast.expr
    updates: ast.expr
    made: Updates | Gradient | None  # what it was given
    frame: Frame
    guards: tuple[str, ...]


class HeldSeen(NamedTuple):
    """An optimiser that is given to what steps with it: a training state, an `nnx.Optimizer`."""

    node: ast.expr  # the argument
    by: str  # what it is given to, as people call it
    optimiser: Optimiser
    frame: Frame
    guards: tuple[str, ...]


def method(
    run: Run, node: ast.Call, optimiser: Optimiser, name: str, given: Arguments, made: Value
) -> Value:
    """What a method of an optimiser returns, of which otherwise only `made` is known."""
    if name == "init" and len(given.nodes) == 1:
        if optimiser.moments:
            equinox_leaves.note(run, node, given.nodes[0], optimiser.name, given.positional[0])
        like = made if optimiser.changes else UNKNOWN  # the others' may hold no array
        return with_data(like, FirstState(given.nodes[0], node))
    if name != "update":
        return made
    _note_update(run, node, optimiser, given)
    values = given.positional
    of_gradient = values[0].data if values and isinstance(values[0].data, Gradient) else None
    updates = with_data(made, Updates(optimiser, node, of_gradient))
    state = expressions.jax_result(run, Kind.TREE, values) if optimiser.changes else UNKNOWN
    return sequence([updates, state])


_OWN = ("updates", "grads", "state", "params")


def _note_update(run: Run, node: ast.Call, optimiser: Optimiser, given: Arguments) -> None:
    if run.frame.state.dead:
        return
    values, nodes, keywords = given.positional, given.nodes, given.keywords
    params = values[2] if len(values) > 2 else keywords.get("params")
    has_params: bool | None = params is not None
    if params is not None and constant_of(params) is None:
        has_params = False
    elif params is not None and (params.optional or params.kind is Kind.STATIC):
        has_params = None
    if given.open:
        has_params = has_params or None
    extras = None if given.open else frozenset(keywords) - frozenset(_OWN)
    first = values[1].data if len(values) > 1 and isinstance(values[1].data, FirstState) else None
    run.events.optimiser_updates.append(
        UpdateSeen(
            node,
            optimiser,
            has_params,
            extras,
            nodes[0] if nodes else None,
            nodes[1] if len(nodes) > 1 else None,
            first,
            _misplaced(values),
            run.frame,
            run.guards,
        )
    )


def _misplaced(values: Sequence[Value]) -> str:
    """What `update` is given that it does not take there: a "value", "aux", "params" or the "state"."""
    if not values:
        return ""
    held = [value.data for value in values]
    if isinstance(held[0], Pair) and len(held[0]) == 2:
        first, second = (isinstance(one.data, Gradient) for one in held[0])
        return "value" if second and not first else "aux" if first and not second else ""
    known = [isinstance(data, Gradient) for data in held]
    if isinstance(held[0], FirstState) or (known[1:2] == [True] and not known[0]):
        return "state"
    return "params" if known[2:3] == [True] and not known[0] else ""


def note_held(run: Run, arguments: Arguments, position: int | None, by: str) -> None:
    """Record the optimiser `tx` of a training state, or of an `nnx.Optimizer`, which apply its updates themselves."""
    value = arguments.keywords.get("tx")
    node = (arguments.keyword_nodes or {}).get("tx")
    if value is None and position is not None and position < len(arguments.nodes):
        value, node = arguments.positional[position], arguments.nodes[position]
    known = None if value is None else optimisers.of(value)
    if known is not None and node is not None and not run.frame.state.dead:
        run.events.held_optimisers.append(HeldSeen(node, by, known, run.frame, run.guards))


def note_applied(run: Run, node: ast.Call, by: str, arguments: Arguments) -> None:
    """Record `optax.apply_updates(params, updates)`."""
    if len(arguments.nodes) != 2 or arguments.open or run.frame.state.dead:
        return
    params, updates = arguments.nodes
    if by.startswith("optax."):  # Equinox's own leaves alone what is no array
        equinox_leaves.note(run, node, params, by, arguments.positional[0])
    data = arguments.positional[1].data
    made = data if isinstance(data, (Updates, Gradient)) else None
    run.events.applied_updates.append(
        AppliedUpdatesSeen(node, params, updates, made, run.frame, run.guards)
    )

"""Answers for rules about optimisers: what a step does with gradients, updates and states."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Span
from jaxsight_analyzers.semantic.blocks import Blocks, around, loops_in, statement_of
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.expressions import place_of
from jaxsight_analyzers.semantic.liveness import names_of, read_after
from jaxsight_analyzers.semantic.losses import LossInputSeen
from jaxsight_analyzers.semantic.optimiser_steps import (
    AppliedUpdatesSeen,
    Gradient,
    HeldSeen,
    Updates,
    UpdateSeen,
)
from jaxsight_analyzers.semantic.optimisers import CLASS, OptimiserSeen, Part
from jaxsight_analyzers.semantic.schedules import ScheduleSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.states import root_of
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.trees import walk

_EXPECTED = ("try", "raises", "version")
_CLIMBING = ("reward", "elbo", "objective", "logp", "log_p", "loglik", "log_lik", "likelihood")


class Step(NamedTuple):
    """A call of an optimiser's `update`, and what becomes of what it returns."""

    node: ast.Call
    span: Span
    text: str  # of the function: `tx.update`
    optimiser: str  # as people write it: `optax.adamw`
    lacks_params: str  # the part that needs the parameters which it does not get; "" for none
    params: ast.expr | None  # what these are, where that is seen
    applied_next: bool  # the updates are applied to them further down in the same block
    missing: tuple[str, ...]  # extra arguments that it has to be given
    lost: Lost | None  # what it returned and nobody uses
    wrong: str  # what is given in a wrong place: "value", "aux", "params", "state"


class Lost(NamedTuple):
    """A result of `update` that nobody reads."""

    what: str  # "updates", "state"
    target: ast.expr
    state: ast.expr | None  # what was given for the state
    certainty: Certainty
    in_loop: bool


class Applied(NamedTuple):
    """A call of `optax.apply_updates` that does not do what it is written for."""

    node: ast.Call
    span: Span
    params: ast.expr
    updates: ast.expr
    gradient: str | None  # the function whose gradients are added as they are
    optimiser: str | None  # that made the updates, which point as the gradients do
    chain: Sequence[Part]
    lost: ast.expr | None  # the name for the result, which nobody reads
    certainty: Certainty


class LateClip(NamedTuple):
    """A chain that clips what was scaled by the learning rate."""

    node: ast.Call
    clip: ast.expr
    span: Span  # of what clips
    name: str
    after: ast.expr
    after_name: str


class LossInput(NamedTuple):
    """Predictions or labels that a loss does not take."""

    node: ast.Call
    name: str
    argument: ast.expr
    span: Span
    takes: str
    given: str


def steps(
    seen: Iterable[UpdateSeen], applied: Iterable[AppliedUpdatesSeen], places: Places
) -> list[Step]:
    """Each call once: it fails or loses something where one of its contexts does."""
    uses: dict[ast.AST, AppliedUpdatesSeen] = {}
    others: list[AppliedUpdatesSeen] = []
    for one in applied:
        if isinstance(one.made, Updates):
            uses.setdefault(one.made.node, one)
        elif one.made is None and not any(guard in _EXPECTED for guard in one.guards):
            others.append(one)
    found: dict[ast.AST, Step] = {}
    for event in seen:
        if any(guard in _EXPECTED for guard in event.guards):
            continue
        made = _step(event, uses.get(event.node), places)
        before = found.get(event.node)
        found[event.node] = made if before is None else _worse(before, made)
    for use in others:
        step = _of_unknown(use, places)
        if step is not None:
            found.setdefault(step.node, step)
    return list(found.values())


def _worse(one: Step, other: Step) -> Step:
    lost = one.lost
    if other.lost is not None and (lost is None or other.lost.certainty > lost.certainty):
        lost = other.lost
    return one._replace(
        lacks_params=one.lacks_params or other.lacks_params,
        params=one.params or other.params,
        missing=one.missing or other.missing,
        lost=lost,
        wrong=one.wrong or other.wrong,
    )


def _step(event: UpdateSeen, use: AppliedUpdatesSeen | None, places: Places) -> Step:
    known, frame = event.optimiser, event.frame
    blocks = around(frame, event.node, places)
    lacks = known.needs_params or "" if event.has_params is False else ""
    missing: tuple[str, ...] = ()
    if event.given is not None:
        missing = tuple([name for name in known.extras if name not in event.given])
    params, is_next = None, False
    if use is not None and use.frame.scope is frame.scope and place_of(use.params) is not None:
        params = use.params
        is_next = blocks is not None and _binds_not_between(blocks, use.node, params)
    elif event.first is not None and _is_known_here(frame, event.first.params):
        params = event.first.params
    return Step(
        event.node,
        places.span(event.node),
        places.text(event.node.func),
        display(known.name),
        display(lacks),
        params,
        is_next,
        missing,
        None if blocks is None or frame.is_test else _lost(event, use, blocks),
        event.wrong,
    )


def _of_unknown(use: AppliedUpdatesSeen, places: Places) -> Step | None:
    """`updates, state = opt_update(grads, state)` of an optimiser that is not known: what it makes is applied."""
    blocks = None if use.frame.is_test else around(use.frame, use.node, places)
    if blocks is None or not isinstance(use.updates, ast.Name):
        return None
    block, number = blocks[-1]
    for index in range(number - 1, -1, -1):
        statement = block[index]
        if use.updates.id not in names_of([statement]).bound:
            continue
        call = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(call, ast.Call) or len(call.args) < 2 or not _says_update(call.func):
            return None
        lost = _lost_of_unknown(use, call, [*blocks[:-1], (block, index)])
        text = places.text(call.func)
        span = places.span(call)
        return Step(call, span, text, "", "", None, False, (), lost, "") if lost else None
    return None


def _says_update(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "update" or ("opt" in name and "update" in name)


def _lost_of_unknown(use: AppliedUpdatesSeen, call: ast.Call, blocks: Blocks) -> Lost | None:
    """The state that nobody reads: some optimisers have none."""
    statement, scope = statement_of(blocks), use.frame.scope
    targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(targets, (ast.Tuple, ast.List)) or len(targets.elts) != 2 or scope is None:
        return None
    state, place = targets.elts[1], place_of(call.args[1])
    if not isinstance(state, ast.Name) or state.id in scope.declared or place is None:
        return None
    if not _is_unread(state.id, read_after(blocks)) or root_of(place) not in scope.local_names:
        return None
    if loops_in(blocks):
        return None  # which of the loops around it is the one of the steps is not known
    return Lost("state", state, call.args[1], Certainty.MAYBE, False)


def _is_known_here(frame: Frame, node: ast.expr) -> bool:
    place = place_of(node)
    if place is None:
        return False
    return frame.scope is None or root_of(place) in frame.scope.local_names


# What becomes of the results


def _binds_not_between(blocks: Blocks, use: ast.AST, params: ast.expr) -> bool:
    """Whether updates are applied in the block where they are made, and the parameters stay what they are until then."""
    block, start = blocks[-1]
    root = root_of(place_of(params) or "")
    for statement in block[start:]:
        if any(inner is use for inner in walk(statement)):
            return True
        if root in names_of([statement]).bound:
            return False
    return False


def _lost(event: UpdateSeen, use: AppliedUpdatesSeen | None, blocks: Blocks) -> Lost | None:
    """What of the results nobody reads."""
    statement = statement_of(blocks)
    if not isinstance(statement, ast.Assign) or statement.value is not event.node:
        return None
    targets = statement.targets[0]
    if not isinstance(targets, (ast.Tuple, ast.List)) or len(targets.elts) != 2:
        return None
    updates, state = targets.elts
    declared = event.frame.scope.declared if event.frame.scope is not None else ()
    after = read_after(blocks)
    name = updates.id if isinstance(updates, ast.Name) else None
    if name is not None and name not in declared and use is None and _is_unread(name, after):
        meant = name.startswith("_")  # only the state is wanted: of a measurement, say
        return None if meant else Lost("updates", updates, event.state, Certainty.YES, False)
    known = event.optimiser
    changes = known.changes or (known.changes is None and known.name == CLASS)
    if not isinstance(state, ast.Name) or state.id in declared or not changes:
        return None
    if event.optimiser.changes and _starts_anew(event, use, blocks):
        return Lost("restart", state, event.state, Certainty.YES, True)
    if event.state is None or not _is_unread(state.id, after):
        return None
    if use is None and name is not None and _is_only_measured(name, blocks):
        return None
    return _lost_state(event, use, blocks, state)


def _is_only_measured(name: str, blocks: Blocks) -> bool:
    """Whether all that is read of the updates is their norm: another call makes the step."""
    block, start = blocks[-1]
    nodes = [inner for statement in block[start + 1 :] for inner in walk(statement)]
    reads = [n for n in nodes if isinstance(n, ast.Name) and n.id == name]
    measured = [
        argument
        for call in nodes
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("norm")
        for argument in call.args
        if argument in reads
    ]
    return bool(reads) and len(measured) == len(reads)


def _starts_anew(event: UpdateSeen, use: AppliedUpdatesSeen | None, blocks: Blocks) -> bool:
    """Whether each pass of a loop makes a first state, and goes on from the parameters of the last one."""
    loops = loops_in(blocks)
    if event.first is None or not loops:
        return False
    loop, made = loops[-1], event.first.node
    is_inside = any(inner is made for inner in walk(loop))
    return is_inside and _is_carried(use, names_of([loop]).bound, loop)


def _is_unread(name: str, after: frozenset[str] | None) -> bool:
    return name not in after if after is not None else name == "_"


def _lost_state(
    event: UpdateSeen, use: AppliedUpdatesSeen | None, blocks: Blocks, target: ast.expr
) -> Lost | None:
    place = place_of(event.state) if event.state is not None else None
    if place is None:
        return None
    loops = loops_in(blocks)
    if loops:
        bound = names_of([loops[-1]]).bound
        if root_of(place) in bound or not _is_carried(use, bound, loops[-1]):
            return None
        sure = Certainty.YES if event.optimiser.changes else Certainty.MAYBE
        return Lost("state", target, event.state, sure, True)
    scope, root = event.frame.scope, root_of(place)
    if scope is None or root not in scope.local_names:
        return None
    if event.first is not None and root not in scope.parameters.positional:
        return None  # one step is all there is
    return Lost("state", target, event.state, Certainty.MAYBE, False)


def _is_carried(use: AppliedUpdatesSeen | None, bound: Iterable[str], loop: ast.AST) -> bool:
    """Whether each pass of a loop goes on from the parameters that the last one made."""
    place = None if use is None else place_of(use.params)
    if use is None or place is None:
        return False
    for statement in walk(loop):
        if isinstance(statement, ast.Assign) and statement.value is use.node:
            return any(place_of(target) == place for target in statement.targets)
    return False


def applied(seen: Iterable[AppliedUpdatesSeen], places: Places) -> list[Applied]:
    """Updates that climb, and parameters that nobody reads. Each call once."""
    found: dict[ast.AST, Applied] = {}
    for event in seen:
        if any(guard in _EXPECTED for guard in event.guards):
            continue
        made = _applied(event, places)
        if made is not None:
            found.setdefault(event.node, made)
    return list(found.values())


def _applied(event: AppliedUpdatesSeen, places: Places) -> Applied | None:
    made, gradient, optimiser = event.made, None, None
    chain: Sequence[Part] = ()
    if isinstance(made, Gradient) and not _climbs_on_purpose(made):
        gradient = made.function
    elif isinstance(made, Updates) and _may_climb(made):
        optimiser, chain = display(made.optimiser.name), made.optimiser.parts
    lost = None if event.frame.is_test else _unread_result(event, places)
    if gradient is None and optimiser is None and lost is None:
        return None
    sure = optimiser is None
    return Applied(
        event.node,
        places.span(event.node),
        event.params,
        event.updates,
        gradient,
        optimiser,
        chain,
        lost,
        Certainty.YES if sure else Certainty.MAYBE,
    )


def _may_climb(updates: Updates) -> bool:
    keeps = updates.optimiser.direction == "keep" and updates.of is not None
    return keeps and updates.of is not None and not _climbs_on_purpose(updates.of)


def _climbs_on_purpose(gradient: Gradient) -> bool:
    """Whether a function is one that people look for the maximum of, by its name."""
    return any(word in gradient.function.lower() for word in _CLIMBING)


def _unread_result(event: AppliedUpdatesSeen, places: Places) -> ast.expr | None:
    """`new_params = optax.apply_updates(params, updates)` where nobody reads `new_params`."""
    blocks = around(event.frame, event.node, places)
    if blocks is None or event.frame.scope is None:
        return None
    statement = statement_of(blocks)
    if not isinstance(statement, ast.Assign) or statement.value is not event.node:
        return None
    target = statement.targets[0]
    after = read_after(blocks)
    if not isinstance(target, ast.Name) or after is None or target.id in after:
        return None
    hidden = target.id.startswith("_") or target.id in event.frame.scope.declared
    return None if hidden else target


class Climbing(NamedTuple):
    """An optimiser whose updates point as the gradients do, given to what applies them itself."""

    node: ast.expr
    span: Span
    text: str
    by: str
    optimiser: str
    chain: Sequence[Part]


def climbing(seen: Iterable[HeldSeen], places: Places) -> list[Climbing]:
    """Each argument once, unless what is around it is named after something that people look for the maximum of."""
    found: dict[ast.AST, Climbing] = {}
    for event in seen:
        known = event.optimiser
        meant = any(word in event.frame.name.lower() for word in _CLIMBING)
        expected = any(guard in _EXPECTED for guard in event.guards) or event.frame.is_test
        if known.direction == "keep" and not (meant or expected) and places.module.owns(event.node):
            span, text = places.span(event.node), places.text(event.node)
            found[event.node] = Climbing(
                event.node, span, text, event.by, display(known.name), known.parts
            )
    return list(found.values())


class FrozenRate(NamedTuple):
    """A schedule that is called where the optimiser is to call it."""

    node: ast.Call
    span: Span
    text: str
    schedule: str
    optimiser: str
    is_first: bool  # for step 0


def frozen_rates(seen: Iterable[OptimiserSeen], places: Places) -> list[FrozenRate]:
    """Each once."""
    found: dict[ast.AST, FrozenRate] = {}
    for event in seen:
        node = event.frozen
        if node is None or not places.module.owns(node):
            continue
        span, text, name = places.span(node), places.text(node), places.text(node.func)
        is_first = isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        optimiser = display(event.optimiser.name)
        found[node] = FrozenRate(node, span, text, name, optimiser, is_first)
    return list(found.values())


class WrongSchedule(NamedTuple):
    """A schedule that fails, or counts something else than steps."""

    node: ast.Call
    span: Span
    name: str
    warmup: ast.expr | None
    epochs: ast.expr | None


def schedules(seen: Iterable[ScheduleSeen], places: Places) -> list[WrongSchedule]:
    """Each once."""
    found: dict[ast.AST, WrongSchedule] = {}
    for event in seen:
        if not any(guard in _EXPECTED for guard in event.guards):
            span = places.span(event.node)
            name = display(event.name)
            made = WrongSchedule(event.node, span, name, event.warmup, event.epochs)
            found[event.node] = made
    return list(found.values())


def late_clips(seen: Iterable[OptimiserSeen], places: Places) -> list[LateClip]:
    """Chains that clip last. Each place once."""
    found: dict[ast.AST, LateClip] = {}
    for event in seen:
        before: Part | None = None
        for part in event.optimiser.parts:
            if part.optimiser is None or part.node is None:
                continue
            if part.optimiser.clips and before is not None and before.optimiser is not None:
                if before.node is not None and not places.module.owns(part.node):
                    continue
                assert before.node is not None
                found[part.node] = LateClip(
                    event.node,
                    part.node,
                    places.span(part.node),
                    display(part.optimiser.name),
                    before.node,
                    display(before.optimiser.name),
                )
            if part.optimiser.direction == "down":
                before = part
    return list(found.values())


def loss_inputs(seen: Iterable[LossInputSeen], places: Places) -> list[LossInput]:
    """Each argument once."""
    found: dict[ast.AST, LossInput] = {}
    for event in seen:
        if any(guard in _EXPECTED for guard in event.guards):
            continue
        found[event.argument] = LossInput(
            event.node,
            display(event.name),
            event.argument,
            places.span(event.argument),
            event.takes,
            event.given,
        )
    return list(found.values())

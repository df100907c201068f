"""What modules of Flax Linen are applied to: all their variables, or the parameters alone; and training states.

`init` gives a dict of collections, of which the parameters are one. A training state holds the parameters, the
`apply` of the module, and what else is given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import leaves, linen_layers, members, optimiser_steps
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import record, sequence
from jaxsight_analyzers.semantic.values import (
    PARAMETERS,
    UNKNOWN,
    VARIABLES,
    Kind,
    Record,
    Value,
    class_of,
    record_of,
    with_data,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments

STATE = "flax.training.train_state.TrainState"
FIELDS = ("step", "apply_fn", "params", "tx", "opt_state")
_STATIC = frozenset(("apply_fn", "tx"))
_PARAMS = "params"


def of_init(facts: FunctionFacts, made: Value) -> Value:
    """What `init` returns: the variables, of `init_with_output` beside the output."""
    if made.kind is not Kind.TREE:
        return made
    variables = with_data(made, VARIABLES)
    return sequence((UNKNOWN, variables)) if facts.name.endswith("_with_output") else variables


def element(base: Value, key: object) -> Value | None:
    """`variables["params"]`; None for what are no variables of a module."""
    if base.kind is not Kind.TREE or base.data != VARIABLES:
        return None
    return with_data(base, PARAMETERS if key == _PARAMS else None)


# Training states


def created(run: Run, owner: Value | None, arguments: Arguments) -> Value:
    """`TrainState.create(apply_fn=model.apply, params=params, tx=tx, batch_stats=...)`."""
    optimiser_steps.note_held(run, arguments, None, "TrainState")
    if arguments.open:
        return UNKNOWN if owner is None else Value(Kind.INSTANCE, data=owner.data)
    given = arguments.keywords
    names = (*FIELDS, *(name for name in given if name not in FIELDS))
    known = None if owner is None else class_of(owner)
    left = frozenset[str]() if known is None else leaves.left_alone(run, known)
    like = Record(known, names, static=_STATIC | (left or frozenset[str]()))
    return record(like, [given.get(name, UNKNOWN) for name in names])


def makes_state(run: Run, base: Value, name: str) -> bool:
    """Whether a method of a class of the file makes a training state."""
    if name != "create" or base.kind is not Kind.CLASS:
        return False
    owner = class_of(base)
    if owner is None or "create" in owner.methods:
        return False
    return members.library_base(run, Value(Kind.INSTANCE, data=owner)) == STATE


def is_state(known: Record | None) -> bool:
    """Whether these are the fields of a training state."""
    return known is not None and known.names[: len(FIELDS)] == FIELDS


def stepped(run: Run, base: Value, name: str, arguments: Arguments) -> Value | None:
    """`state.apply_gradients(grads=grads, batch_stats=...)`: the state after a step."""
    if name != "apply_gradients":
        return None
    known, owner = record_of(base), class_of(base)
    if known is None and owner is not None and name not in owner.methods:
        is_one = members.library_base(run, base) == STATE
        return with_data(base, owner) if is_one else None
    if known is None or not is_state(known):
        return None
    held = dict(zip(known.names, known.values))
    for changed in ("step", "opt_state"):
        held[changed] = UNKNOWN
    if arguments.open:
        held = {n: v if n in known.static else UNKNOWN for n, v in held.items()}
    held.update({n: v for n, v in arguments.keywords.items() if n in held})
    return record(known, held.values())


def method_of(run: Run, base: Value, name: str) -> Value | None:
    """`model.apply` as a value; None for what is no such method of a module."""
    facts = run.facts(f"{linen_layers.MODULE}.{name}")
    if facts is None or facts.role not in ("apply", "init"):
        return None
    owner = class_of(base)
    if linen_layers.layer_of(base) is None and (
        owner is None or not linen_layers.is_module(run, owner)
    ):
        return None
    return Value(Kind.CALLABLE, data=linen_layers.ModuleMethod(base, name))

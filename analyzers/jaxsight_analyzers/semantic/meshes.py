"""Meshes of devices that code enters."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.events import MeshEnteredSeen, SpecComparedSeen
from jaxsight_analyzers.semantic.values import Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run

_MESH = "jax.sharding.Mesh"


def note(run: Run, item: ast.withitem, value: Value) -> None:
    """Record `with mesh:`."""
    facts = value.data
    if not isinstance(facts, FunctionFacts) or _MESH not in (facts.name, facts.instance_of):
        return
    if not run.frame.state.dead:
        bound = item.optional_vars is not None
        run.events.meshes_entered.append(MeshEnteredSeen(item.context_expr, bound, run.guards))


def note_comparison(run: Run, node: ast.Compare, operands: list[Value]) -> None:
    """Record `spec == ("x", None)`."""
    left, right = operands
    for spec, other, written in ((left, right, node.comparators[0]), (right, left, node.left)):
        facts = spec.data
        is_spec = isinstance(facts, FunctionFacts) and facts.name in _SPECS
        if is_spec and other.kind is Kind.SEQUENCE and isinstance(written, ast.Tuple):
            if not run.frame.state.dead:
                run.events.specs_compared.append(SpecComparedSeen(node, written, run.guards))
            return


_SPECS = ("jax.sharding.PartitionSpec", "jax.P")

"""Meshes of devices that code enters."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.knowledge.loader import FunctionFacts
from jaxsight_analyzers.semantic.events import MeshEnteredSeen
from jaxsight_analyzers.semantic.values import Value

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

"""Reads of what changes later: a compiled function keeps what it found when it was traced."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import changes, effects, homes
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.harmless import MAKERS
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import FunctionScope
from jaxsight_analyzers.semantic.states import Home
from jaxsight_analyzers.semantic.values import Value


def read(run: Run, node: ast.Name, value: Value, attribute: str = "") -> None:
    """Compiled code reads a name from around it, or an attribute of one, which the text changes elsewhere."""
    scope = run.frame.scope
    if value.kind in effects.NEVER_CHANGES or scope is None or node.id in scope.local_names:
        return
    if not isinstance(node.ctx, ast.Load):
        return
    home = homes.home_of_name(run, node.id)
    if home is None or not _compiled_inside(run.frame, home):
        return
    container = homes.is_container(run, home, node)
    what = node.id
    certainty, later = _later(run, scope, home, what, container)
    if attribute and not later:
        what = f"{what}.{attribute}"
        certainty, later = _later(run, scope, home, what, False)
    if later:
        category = "nonlocal" if home.environment is not None else "global"
        home = home._replace(category=category, certainty=certainty)
        effects.note(run, node, "read", home, what, value, later=later)


def _compiled_inside(frame: Frame, home: Home) -> bool:
    """Whether what runs now is compiled once, in a function that does not hold the object itself."""
    for inner in frame.chain():
        if inner.environment is home.environment:
            return False
        if any(transformation.compiles for transformation in inner.transformations):
            return True
    return frame.compiled


def _later(
    run: Run, reader: FunctionScope, home: Home, name: str, container: bool
) -> tuple[Certainty, tuple[ast.AST, ...]]:
    """What changes a name after a function was traced."""
    known = run.changes(name, home.environment)
    if not container:
        known = [change for change in known if not _may_be_pure(run, change.node)]
    owner = home.environment and home.environment.scope
    if owner is not None and "." in name and owner.name in MAKERS:
        known = [change for change in known if change.inside]  # the object is being made
    given = owner is not None and any(a.arg == name for a in all_arguments(owner.node.args))
    return changes.after(known, reader, owner, is_parameter=given)


def _may_be_pure(run: Run, node: ast.AST) -> bool:
    """`optimizer.update(...)`, unless it is called of what is surely a container."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and run.knowledge.mutator(node.func.attr) != "sure"
    )

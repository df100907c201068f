"""Which names each statement reads, binds and hands on, found out once for a text.

What asks where a name is used looks at every statement of a file, after every edit; most of them are
the statements that they were.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.semantic.trees import walk

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic import SemanticModel
    from jaxsight_analyzers.syntax.parsed import ParsedModule

_LIBRARIES = ("jax", "flax.nnx", "equinox")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Mentions(NamedTuple):
    """The names in a statement."""

    reads: frozenset[str]
    binds: frozenset[str]  # to anything: a function or class, too
    defines: frozenset[str]  # functions and classes
    keeps: tuple[tuple[frozenset[str], frozenset[str]], ...]
    """Of each assignment the names of what its value keeps, and the names that it gives to that."""


def mentions_of(module: ParsedModule, statement: ast.stmt) -> Mentions:
    """The names in a statement of a file."""
    chunk = module.chunks[module.number_of(statement)]
    if isinstance(statement, ast.ClassDef) and chunk.heads is not None:
        return _of_class(module, statement)  # whose members are chunks of their own
    found = chunk.mentions.get(statement)
    if found is None:
        found = chunk.mentions[statement] = _found(statement)
    return found


def speaking_of(model: SemanticModel, block: Iterable[ast.stmt], *names: str) -> Iterator[ast.stmt]:
    """The statements of a block in which one of some names is."""
    wanted = frozenset(names)
    for statement in block:
        if model.may_mention(statement, wanted):
            found = mentions_of(model.module, statement)
            if not wanted.isdisjoint(found.reads) or not wanted.isdisjoint(found.binds):
                yield statement


def _found(statement: ast.stmt) -> Mentions:
    reads: set[str] = set()
    binds: set[str] = set()
    defines: set[str] = set()
    assignments: list[ast.Assign | ast.AnnAssign] = []
    for node in walk(statement):
        if isinstance(node, ast.Name):
            (reads if isinstance(node.ctx, ast.Load) else binds).add(node.id)
        elif isinstance(node, _DEFINITIONS):
            defines.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            assignments.append(node)
    keeps = [
        (frozenset(kept), frozenset(bound_by(node)))
        for node in assignments
        if node.value is not None and (kept := _kept_in(node.value))
    ]
    return Mentions(frozenset(reads), frozenset(binds | defines), frozenset(defines), tuple(keeps))


def _of_class(module: ParsedModule, node: ast.ClassDef) -> Mentions:
    members = [mentions_of(module, member) for member in node.body]
    head = [*node.decorator_list, *node.bases, *node.keywords]
    reads = [edits.names_in(one) for one in head] + [m.reads for m in members]
    nothing: frozenset[str] = frozenset()
    return Mentions(
        nothing.union(*reads),
        nothing.union([node.name], *[m.binds for m in members]),
        nothing.union([node.name], *[m.defines for m in members]),
        tuple([kept for m in members for kept in m.keeps]),
    )


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that stand for something to call after a statement."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        return set()  # `x = jax.jit(lambda: ...)()`: nothing is left to be called
    return edits.names_bound_in(statement)


def _kept_in(value: ast.expr) -> set[str]:
    """The names of what an expression keeps: of a call only where it makes a function or an object."""
    if not isinstance(value, ast.Call):
        return edits.names_in(value)
    arguments = [*value.args, *(keyword.value for keyword in value.keywords)]
    if not _makes_something_to_call(value.func):
        return set()
    return {name for argument in arguments for name in _kept_in(argument)}


def _makes_something_to_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "partial" or name[:1].isupper():
        return True
    known = (load().function(f"{library}.{name}") for library in _LIBRARIES)
    return any(facts is not None and facts.transforms for facts in known)

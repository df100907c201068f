"""Whether a function that was compiled can be called again after something that it read has changed.

`stale-captured-global` asks: who compiles a function, calls it and only then changes what it read does no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.fixes.mentions import bound_by, mentions_of, speaking_of
from jaxsight_analyzers.semantic import Unit

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def may_run_after(unit: Unit, read: Span, changes: Iterable[Span]) -> bool:
    """Whether the function that reads something can run after one of the changes, as far as names tell."""
    return any(_may_run_after(unit, read, change) for change in changes)


def _may_run_after(unit: Unit, read: Span, change: Span) -> bool:
    block: list[ast.stmt] | None = unit.whole.tree.body
    while block is not None:
        first, second = _place(unit, block, read), _place(unit, block, change)
        if first is None or second is None:
            return False
        if first != second:
            return _runs_after(unit, block, first, second)
        inner = edits.blocks_of(block[first])
        block = next(
            (b for b in inner if None not in (_place(unit, b, read), _place(unit, b, change))), None
        )
    return False  # in two branches of one test


def _place(unit: Unit, block: list[ast.stmt], span: Span) -> int | None:
    module = unit.model.module
    near = module.chunks[module.chunk_at(span.start)].body
    one = next((one for one in near if _holds(unit, one, span)), None)
    if one is not None and one in block:
        return block.index(one)
    return next((n for n, one in enumerate(block) if _holds(unit, one, span)), None)


def _runs_after(unit: Unit, block: list[ast.stmt], reader: int, change: int) -> bool:
    changing = block[change]
    if isinstance(changing, _FUNCTIONS):  # which may be called at any time
        return not _only_decorates(unit, changing)
    names, model = bound_by(block[reader]), unit.model
    ran = not isinstance(block[reader], _FUNCTIONS) or hasattr(changing, "body")
    for number in range(reader + 1, len(block)):
        if not model.may_mention(block[number], names):
            continue
        mentioned = mentions_of(model.module, block[number])
        if names.isdisjoint(mentioned.reads):
            if not names.isdisjoint(mentioned.binds):
                names = names - bound_by(block[number])
            continue
        if number >= change and ran:
            return True
        # those that stand for something that runs these functions: not for what they return
        handed_on = [to for kept, to in mentioned.keeps if not names.isdisjoint(kept)]
        if number < change and not (handed_on or mentioned.defines):
            ran = True  # `g = jax.jit(f)` runs neither
        names = names.union(mentioned.defines, *handed_on)
    return False


def _only_decorates(unit: Unit, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a decorator wherever the file speaks of it: it runs while the module is imported."""
    own = {id(node) for node in ast.walk(function)}
    decorators, others = 0, 0
    speaking = speaking_of(unit.model, unit.whole.tree.body, function.name)
    for node in (node for statement in speaking for node in ast.walk(statement)):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            decorating = [n for one in node.decorator_list for n in ast.walk(one)]
            decorators += sum(_is_name(n, function.name) for n in decorating)
        others += _is_name(node, function.name) and id(node) not in own
    return 0 < decorators == others


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _holds(unit: Unit, node: ast.stmt, span: Span) -> bool:
    own = unit.model.module.span(node)
    return own.start <= span.start < own.end

"""Keys that a body is handed in its carry and hands on as they were: split in the body, and the new one handed on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits, wider_splits
from jaxsight_analyzers.fixes.repeated_bodies import SCOPES, Cure, Loop, inside, reads
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse

_CARRIES = {"jax.lax.fori_loop": 1, "jax.lax.scan": 0, "jax.lax.while_loop": 0}
_MOST = 4  # keys that one split makes in a body


def cures(unit: Unit, loop: Loop, reuse: KeyReuse) -> Iterator[Cure]:
    """The key split in the body, and the new one handed on."""
    at = _CARRIES.get(loop.call.canonical)
    if at is None or not isinstance(loop.body, ast.FunctionDef):
        return
    carry = loop.parameter(at)
    if carry is None or reuse.key not in {carry.arg, *edits.names_bound_in(loop.body)}:
        return
    uses = _uses(loop.body, reuse.key)
    if not uses:
        return
    wider = wider_splits.widened(unit, uses[0]) if len(uses) == 1 else None
    found = wider or _split_first(unit, loop.body, reuse.key, uses)
    if found is not None:
        yield Cure("carry-key", f"Split `{reuse.key}` in each step", found)


def _uses(body: ast.FunctionDef, key: str) -> list[ast.Name]:
    """Where a body uses the key up, if it hands it on, binds it once, and does nothing else with it."""
    last = body.body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        return []
    if sum(isinstance(node, ast.Return) for node in inside(body)) != 1:
        return []
    bound = [
        node
        for node in ast.walk(body)
        if isinstance(node, ast.Name) and node.id == key and not isinstance(node.ctx, ast.Load)
    ]
    is_parameter = any(argument.arg == key for argument in body.args.args)
    if len(bound) != (0 if is_parameter else 1):
        return []
    uses = reads([*body.body[:-1]], key)
    drawn = [node for node in reads([last], key) if _is_argument(last, node)]
    handed_on = len(reads([last], key)) - len(drawn)
    uses += drawn
    for use in uses:
        holder = next(one for one in body.body if any(node is use for node in ast.walk(one)))
        if not _is_argument(holder, use) or not edits.runs_once_in(holder, use):
            return []
        if any(isinstance(node, SCOPES) for node in ast.walk(holder)):
            return []
    return uses if handed_on == 1 and len(uses) < _MOST else []


def _is_argument(holder: ast.AST, name: ast.Name) -> bool:
    """Whether a name stands as an argument of a call that may use a key up."""
    for node in ast.walk(holder):
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(one is name for one in given):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                return called not in ("fold_in", "key_data", "clone")
    return False


def _split_first(
    unit: Unit, body: ast.FunctionDef, key: str, uses: list[ast.Name]
) -> tuple[Edit, ...] | None:
    """A line that splits the key, before its first use."""
    start = unit.model.module.span(uses[0]).start
    holder = next(one for one in body.body if unit.model.module.span(one).end >= start)
    place = edits.place_at(unit, unit.model.module.span(holder).start)
    names = edits.fresh_names(unit, "subkey", len(uses), start)
    split = edits.spell(unit, "jax.random.split")
    width = "" if len(uses) == 1 else f", {len(uses) + 1}"
    text = f"{key}, {', '.join(names)} = {split.text}({key}{width})"
    line = None if place is None else edits.insert_before(unit, place, text)
    if line is None:
        return None
    given = [Edit(unit.model.module.span(use), name) for use, name in zip(uses, names)]
    return (line, *given, *split.edits)

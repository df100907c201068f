"""Mistakes with PRNG keys: a key is used where its child, its sibling or its successor belongs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.analyzers.mutation.program import FUNCTIONS, Edit, Mutant, Program, at, lines, place

SPLIT = "jax.random.split"


def _splits(program: Program) -> Iterator[tuple[ast.Assign, str, list[ast.Name]]]:
    """Assignments `a, b = split(key)`: the statement, the key's name, the targets."""
    for call in program.calls(SPLIT):
        statement = program.statement(call)
        if (
            isinstance(statement, ast.Assign)
            and statement.value is call
            and isinstance(statement.targets[0], ast.Tuple)
            and isinstance(call.args[0], ast.Name)
        ):
            names = [each for each in statement.targets[0].elts if isinstance(each, ast.Name)]
            yield statement, call.args[0].id, names


def _uses(program: Program, name: str, around: ast.AST | None) -> list[ast.Name]:
    """The places of a function that read a name as an argument of a call."""
    return [
        node
        for node in ast.walk(around or program.tree)
        if isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, ast.Load)
        and isinstance(program.parents[node], ast.Call)
    ]


def _reads(around: ast.AST, name: str) -> list[ast.AST]:
    return [
        node
        for node in ast.walk(around)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]


def _swapped(
    program: Program, kind: str, statement: ast.Assign, old: str, new: str
) -> Iterator[Mutant]:
    around = program.function(statement) or program.tree
    end = at(statement).end_lineno
    for use in _uses(program, old, around):
        if use.lineno > end:
            others = _reads(around, new)
            runs = _runs(program, around.name) if isinstance(around, FUNCTIONS) else []
            yield Mutant(
                kind,
                "key-reuse",
                place(use, f"{old} -> {new}"),
                program.edited(Edit(use, new)),
                lines(use, *(each for each in others if at(each).lineno >= end), *runs),
            )


def parent_for_subkey(program: Program) -> Iterator[Mutant]:
    """A subkey is replaced by the key that was split."""
    for statement, key, targets in _splits(program):
        for target in targets:
            if target.id not in (key, "_"):
                yield from _swapped(program, "parent-for-subkey", statement, target.id, key)


def sibling_subkey(program: Program) -> Iterator[Mutant]:
    """The use of one subkey is given another one's."""
    for statement, key, targets in _splits(program):
        own = [target.id for target in targets if target.id not in (key, "_")]
        for target in own[1:]:
            yield from _swapped(program, "sibling-subkey", statement, target, own[0])


def key_not_rebound(program: Program) -> Iterator[Mutant]:
    """A loop splits its key and forgets to keep the new one."""
    for statement, key, targets in _splits(program):
        if _in_loop(program, statement):
            yield from _forgotten(program, "key-not-rebound", statement, key, targets)


def spent_key_returned(program: Program) -> Iterator[Mutant]:
    """A function splits its key and passes the spent one on."""
    for statement, key, targets in _splits(program):
        if not _in_loop(program, statement):
            yield from _forgotten(program, "spent-key-passed-on", statement, key, targets)


def helper_key_dropped(program: Program) -> Iterator[Mutant]:
    """A helper gives a new key back, and it is not kept."""
    for statement in ast.walk(program.tree):
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            continue
        call, target = statement.value, statement.targets[0]
        if not isinstance(target, ast.Tuple) or program.qualified(call.func) == SPLIT:
            continue
        given = {each.id for each in call.args if isinstance(each, ast.Name) and "key" in each.id}
        names = [each for each in target.elts if isinstance(each, ast.Name) and each.id in given]
        for name in names:
            in_loop = _in_loop(program, statement)
            rule = "key-reuse-in-loop" if in_loop else "key-reuse"
            around = program.function(statement) or program.tree
            yield Mutant(
                "helper-key-dropped",
                rule,
                place(statement, name.id),
                program.edited(Edit(name, "_")),
                lines(*_reads(around, name.id)),
            )


def split_dropped_in_loop(program: Program) -> Iterator[Mutant]:
    """A loop uses its key itself instead of splitting it."""
    for statement, key, targets in _splits(program):
        own = [target.id for target in targets if target.id not in (key, "_")]
        if not _in_loop(program, statement) or len(own) != 1 or key not in (t.id for t in targets):
            continue
        loop = next(e for e in program.above(statement) if isinstance(e, (ast.For, ast.While)))
        uses = [each for each in _reads(loop, own[0]) if at(each).lineno > statement.lineno]
        edits = [Edit(use, key) for use in uses]
        yield Mutant(
            "split-dropped-in-loop",
            "key-reuse-in-loop",
            place(statement, own[0]),
            program.edited(Edit(statement, "pass"), *edits),
            lines(*uses),
        )


def _forgotten(
    program: Program, kind: str, statement: ast.Assign, key: str, targets: list[ast.Name]
) -> Iterator[Mutant]:
    target = next((each for each in targets if each.id == key), None)
    if target is None:
        return
    function = program.function(statement)
    where = _reads(function or program.tree, key)
    if kind != "key-not-rebound" and function is not None:
        where += _runs(program, function.name)
    yield Mutant(
        kind,
        "key-reuse",
        place(statement, key),
        program.edited(Edit(target, "_")),
        lines(statement) if kind == "key-not-rebound" else lines(*where),
    )


def _runs(program: Program, function: str) -> list[ast.AST]:
    """What runs a function, or runs what runs it in turn: that is where a spent key comes back."""
    found: list[ast.AST] = []
    for read in _reads(program.tree, function):
        around = program.function(read)
        found += [program.statement(read)] if around is None else around.body
    return found


def _in_loop(program: Program, statement: ast.stmt) -> bool:
    for each in program.above(statement):
        if isinstance(each, (ast.For, ast.While)):
            return True
        if isinstance(each, FUNCTIONS):
            return False
    return False

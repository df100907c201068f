"""Mistakes with arrays, effects, compilation and names."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.analyzers.mutation.program import FUNCTIONS, Edit, Mutant, Program, at, lines, place

API = Path(__file__).parents[3] / "analyzers/jaxsight_analyzers/knowledge/api.json"
METHODS = {"set": "=", "add": "+=", "multiply": "*=", "subtract": "-=", "divide": "/="}


def numpy_for_jax(program: Program) -> Iterator[Mutant]:
    """`jnp.f(x)` becomes `np.f(x)`."""
    for call in ast.walk(program.tree):
        if isinstance(call, ast.Call) and call.args and program.function(call):
            yield from numpy_of(program, call)


def numpy_of(program: Program, call: ast.Call, only: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """The mutant of one call of `jax.numpy`, or of one of its functions."""
    name = program.qualified(call.func)
    function = name.removeprefix("jax.numpy.")
    if name == function or "." in function or (only and function not in only):
        return
    yield Mutant(
        "numpy-for-jax-numpy",
        "numpy-on-traced",
        place(call, name),
        _with_numpy(program, Edit(call.func, f"np.{function}")),
        lines(call),
    )


def _with_numpy(program: Program, *edits: Edit) -> str:
    if program.names.get("np") == "numpy":
        return program.edited(*edits)
    first = next(node for node in program.tree.body if isinstance(node, (ast.Import)))
    return program.edited(Edit(first, f"{program.source(first)}; import numpy as np"), *edits)


def item_assignment(program: Program) -> Iterator[Mutant]:
    """`x = x.at[i].set(v)` becomes `x[i] = v`."""
    for call in ast.walk(program.tree):
        found = _update(call)
        if found is None:
            continue
        call, base, index, sign = found
        statement = program.statement(call)
        if getattr(statement, "value", None) is not call:
            continue
        space = program.indent(statement)
        value = program.source(call.args[0])
        if isinstance(statement, ast.Return):
            assigned = f"{base.id}[{program.source(index)}] {sign} {value}"
            text = f"{assigned}\n{space}return {base.id}"
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            target = statement.targets[0].id
            assigned = f"{target}[{program.source(index)}] {sign} {value}"
            text = assigned if target == base.id else f"{target} = {base.id}\n{space}{assigned}"
        else:
            continue
        yield Mutant(
            "item-assignment",
            "array-item-assignment",
            place(call),
            program.edited(Edit(statement, text)),
            (*lines(statement), statement.lineno + 1),
        )


def _update(call: ast.AST) -> tuple[ast.Call, ast.Name, ast.expr, str] | None:
    """The parts of `x.at[i].set(v)`."""
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return None
    sign, item = METHODS.get(call.func.attr), call.func.value
    if sign is None or not isinstance(item, ast.Subscript) or len(call.args) != 1:
        return None
    at = item.value
    if not (isinstance(at, ast.Attribute) and at.attr == "at" and isinstance(at.value, ast.Name)):
        return None
    return call, at.value, item.slice, sign


def debug_print(program: Program) -> Iterator[Mutant]:
    """`jax.debug.print` becomes `print`."""
    for call in program.calls("jax.debug.print"):
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        text = f"print({', '.join(map(program.source, values))})"
        yield Mutant(
            "print", "print-in-trace", place(call), program.edited(Edit(call, text)), lines(call)
        )


def print_added(program: Program) -> Iterator[Mutant]:
    """A local is printed right after it is bound."""
    for function in ast.walk(program.tree):
        if not isinstance(function, FUNCTIONS):
            continue
        for statement in function.body:
            if not isinstance(statement, ast.Assign) or not isinstance(
                statement.targets[0], ast.Name
            ):
                continue
            name, space = statement.targets[0].id, program.indent(statement)
            text = f"{program.source(statement)}\n{space}print('{name}', {name})"
            yield Mutant(
                "print",
                "print-in-trace",
                place(statement, name),
                program.edited(Edit(statement, text)),
                (at(statement).end_lineno + 1,),
            )


def jit_in_loop(program: Program) -> Iterator[Mutant]:
    """A function of the program that a loop calls is compiled where it is called."""
    own = {node.name for node in program.tree.body if isinstance(node, FUNCTIONS)}
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or not program.function(loop):
            continue
        for call in (node for statement in loop.body for node in ast.walk(statement)):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id in own
                and not any(isinstance(each, ast.Lambda) for each in program.above(call))
            ):
                name = call.func.id
                for detail, text in (
                    ("lambda", f"jax.jit(lambda *args: {name}(*args))"),
                    ("vmap", f"jax.jit(jax.checkpoint({name}))"),
                ):
                    yield Mutant(
                        "jit-in-loop",
                        "jit-in-loop",
                        place(call, detail),
                        program.edited(Edit(call.func, text)),
                        lines(call),
                    )


@cache
def _former() -> dict[str, list[str]]:
    """For each name of today the names that releases removed in its favour."""
    found: dict[str, list[str]] = {}
    for old, entry in json.loads(API.read_text(encoding="utf-8")).items():
        new = entry.get("new", "")
        if entry["library"] == "jax" and entry.get("removed") and new.replace(".", "").isalnum():
            found.setdefault(new, []).append(old)
    return found


def removed_name(program: Program) -> Iterator[Mutant]:
    """A name of today becomes the one that was removed."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Attribute):
            continue
        for old in _former().get(program.qualified(node), ()):
            if not old.startswith("jax.experimental.") and program.names.get("jax") == "jax":
                yield Mutant(
                    "removed-name",
                    "removed-api",
                    place(node, old),
                    program.edited(Edit(node, old)),
                    lines(node),
                )

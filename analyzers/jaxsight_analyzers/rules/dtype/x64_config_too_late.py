"""Enables 64 bits after arrays were made, or after JAX has read its settings.

## Why is this bad?

What was made before `jax.config.update("jax_enable_x64", True)` keeps its 32 bits, and its lost digits, without a word. The variable
`JAX_ENABLE_X64` is read when JAX is imported: set after that it does nothing at all.

## Fix safety

Unsafe: what was made with 32 bits then has 64, so results differ.

## Limits

Only arrays of the default precision count that are made in the same file, in the module's own code or earlier in the same function.
Silent in tests, and for the variable in files that start other processes, which may be the ones it is meant for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import early_settings, edits
from jaxsight_analyzers.project.x64 import mentions
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call

_VARIABLE = "JAX_ENABLE_X64"
_PROCESSES = re.compile(r"\b(?:subprocess|multiprocessing|ray|Popen|spawn)\b")
_TRUE = ("1", "true", "True")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("jax.config.update",)):
        array = _earlier_array(unit, call) if _enables(call) else None
        if array is None:
            continue
        title = "Enable them before the first array"
        yield Finding(
            span=call.span,
            message=f"64 bits are enabled after `{array.name}` has made an array, which keeps its 32",
            related=(Related(array.span, "this array has 32 bits"),),
            fixes=early_settings.offered(unit, call, array, "enable-before", title, number),
        )
    yield from _variables(unit)


def _enables(call: Call) -> bool:
    given = [argument.node for argument in call.arguments]
    written = [node.value for node in given if isinstance(node, ast.Constant)]
    return written == ["jax_enable_x64", True] and not call.enclosing.startswith("test")


def _earlier_array(unit: Unit, update: Call) -> Call | None:
    """The first array of the default precision that is surely made before 64 bits are enabled."""
    found = early_settings.earliest(unit, update, partial(_has_default_precision, unit))
    if found is not None and mentions(unit.whole.analysed.text[: found.span.start]):
        return None  # they were enabled, or it is about both
    return found


def _has_default_precision(unit: Unit, call: Call) -> bool:
    """Whether what a call makes would have 64 bits if these were enabled."""
    if call.facts is None or any(argument.parameter == "dtype" for argument in call.arguments):
        return False
    rule = unit.knowledge.result(call.canonical)
    if rule is not None and rule[0] in ("float", "int") and rule[1] in ("shape", "other"):
        return True
    first = call.node.args[0] if call.node.args else None
    makes = call.canonical in ("jax.numpy.array", "jax.numpy.asarray", "jax.numpy.arange")
    return makes and first is not None and _holds_numbers(first)


def _holds_numbers(node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Tuple)):
        return bool(node.elts) and all(_holds_numbers(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _variables(unit: Unit) -> Iterator[Finding]:
    for number, reference in enumerate(unit.references):
        if reference.qualified != "os.environ":
            continue
        place = edits.place_at(unit, reference.span.start)
        statement = None if place is None else place.node
        if not isinstance(statement, ast.Assign) or not _names_variable(statement, reference.node):
            continue
        imported = _import_before(unit, reference.span.start)
        if imported is None or _PROCESSES.search(unit.whole.analysed.text):
            continue
        fixes: tuple[FixRef, ...] = ()
        if "jax" in unit.import_names and _is_true(statement.value):
            title = "Use `jax.config.update`"
            fixes = (FixRef("use-config", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=unit.model.module.span(statement),
            message=f"`{_VARIABLE}` is set after JAX was imported, which is when JAX reads it: 64 bits stay off",
            related=(Related(imported, "JAX is imported here"),),
            fixes=fixes,
        )


def _names_variable(statement: ast.Assign, environ: ast.AST) -> bool:
    target = statement.targets[0]
    if not isinstance(target, ast.Subscript) or target.value is not environ:
        return False
    return isinstance(target.slice, ast.Constant) and target.slice.value == _VARIABLE


def _import_before(unit: Unit, offset: int) -> Span | None:
    """The module's own import of JAX before a place in the file."""
    for reference in unit.imports:
        start = reference.span.start
        top = reference.qualified.partition(".")[0]
        if top == "jax" and start < offset and not edits.indent_of(unit, start):
            return reference.span
    return None


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in _TRUE


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    if reference.kind == "use-config":
        place = edits.place_at(unit, unit.references[reference.data].span.start)
        if place is None:
            return None
        text = f'{unit.import_names["jax"]}.config.update("jax_enable_x64", True)'
        return Fix(reference.title, (Edit(place.span, text),), reference.applicability)
    call = unit.calls[reference.data]
    array = _earlier_array(unit, call)
    moved = None if array is None else early_settings.moved_before(unit, call, array)
    return None if moved is None else Fix(reference.title, moved, reference.applicability)


RULE = Rule(
    name="x64-config-too-late",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            x = jnp.ones(3)
            jax.config.update("jax_enable_x64", True)  # error: [x64-config-too-late]
            total = x.sum()
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            jax.config.update("jax_enable_x64", True)
            x = jnp.ones(3)
            total = x.sum()
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            jax.config.update("jax_enable_x64", True)
            x = jnp.ones(3)
            """
        ),
    ),
)

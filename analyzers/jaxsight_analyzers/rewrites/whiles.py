"""`while` as `jax.lax.while_loop`: the names it hands from pass to pass become its carry."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import libcst as cst

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits, regions, truths
from jaxsight_analyzers.rewrites.excerpt import Excerpt, Statement, excerpt, lines_of
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of

_LONGEST_LINE = 88


def as_while_loop(unit: Unit, loop: ast.While) -> tuple[Edit, ...] | None:
    """The edits that turn a loop into `jax.lax.while_loop`; None where it cannot be."""
    carried, test = regions.carried_by(unit, loop), truths.written(unit, loop.test)
    found = excerpt(unit, loop)
    if carried is None or test is None or found is None:
        return None
    node = found.statements[0]
    assert isinstance(node, cst.While)
    function = edits.spell(unit, "jax.lax.while_loop")
    written = _in_one_line(unit, loop, found, carried, test.text, function.text)
    statements = (
        _as_functions(unit, loop, found, node, carried, test.text, function.text)
        if written is None
        else [found.parsed(written)]
    )
    needed = dict.fromkeys((*function.edits, *test.edits))
    return (found.replaced_by(statements), *needed)


def _in_one_line(
    unit: Unit, loop: ast.While, found: Excerpt, carried: Sequence[str], test: str, function: str
) -> str | None:
    """With two lambdas, where that is short and loses no comment."""
    body = loop.body[0]
    if len(loop.body) > 1 or len(carried) > 1 or "#" in found.code(found.statements[0]):
        return None
    name = carried[0]
    value = edits.new_value(unit, body, name)
    if value is None:
        return None
    written = f"{name} = {function}(lambda {name}: {test}, lambda {name}: {value}, {name})"
    too_long = len(found.indent) + len(written) > _LONGEST_LINE
    return None if too_long or "\n" in written or "\r" in written else written


def _as_functions(
    unit: Unit,
    loop: ast.While,
    found: Excerpt,
    node: cst.While,
    carried: Sequence[str],
    test: str,
    function: str,
) -> list[Statement]:
    cond, body = edits.fresh_name(unit, "cond_fun"), edits.fresh_name(unit, "body_fun")
    whole = carried[0] if len(carried) == 1 else ", ".join(carried)
    carry = whole if len(carried) == 1 else edits.fresh_name(unit, "carry")
    asked = names_of(loop.test).exposed
    shown = ", ".join(name if name in asked else "_" for name in carried)
    unpacked = [] if len(carried) == 1 else [found.parsed(f"{shown} = {carry}")]
    returned = found.parsed(f"return {test if _is_line(test) else f'({test})'}")
    inside = [] if len(carried) == 1 else [found.parsed(f"{whole} = {carry}")]
    initial = carry if len(carried) == 1 else f"({whole})"
    return [
        found.function(cond, [carry], [*unpacked, returned], ""),
        found.apart(
            found.function(body, [carry], [*inside, *lines_of(node.body)], whole, node.body)
        ),
        found.apart(found.parsed(f"{whole} = {function}({cond}, {body}, {initial})")),
    ]


def _is_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text

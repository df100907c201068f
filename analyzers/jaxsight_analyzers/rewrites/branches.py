"""`if` as `jax.lax.cond`: each side becomes a function that returns what it gives to names, or to the caller."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

import libcst as cst

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import branching, edits
from jaxsight_analyzers.fixes.branching import Plan, Side
from jaxsight_analyzers.rewrites.excerpt import Excerpt, Statement, excerpt, lines_of
from jaxsight_analyzers.semantic import Unit

_LONGEST_LINE = 88


class _Writer(NamedTuple):
    """What it takes to write the branches of one excerpt."""

    unit: Unit
    found: Excerpt
    statements: dict[int, Statement]  # by the identity of the node of `ast`
    cond: str


def as_cond(unit: Unit, node: ast.If) -> tuple[Edit, ...] | None:
    """The edits that turn a branch into `jax.lax.cond`; None where it cannot be."""
    plan = branching.of(unit, node)
    root = _root(unit, node)
    if plan is None or root is None:
        return None
    last = root if root is not node else plan.last
    found = excerpt(unit, root, last)
    spelling = edits.spell(unit, "jax.lax.cond")
    if found is None:
        return None
    block = _block(unit, root, last)
    statements: dict[int, Statement] = {}
    if not _paired(block, found.statements, statements):
        return None
    writer = _Writer(unit, found, statements, spelling.text)
    written = _written(writer, plan, 0)
    if root is not node:
        outer = statements[id(root)]
        assert isinstance(outer, cst.If)
        written = [_with_else(outer, statements[id(node)], written)]
    needed = dict.fromkeys((*spelling.edits, *_needed(plan)))
    return (found.replaced_by(written), *needed)


def _root(unit: Unit, node: ast.If) -> ast.If | None:
    """The `if` that an `elif` belongs to; any other branch itself."""
    places = edits.places_at(unit, unit.model.module.span(node).start)
    root: ast.If | None = None
    for place in reversed(places):
        if not isinstance(place.node, ast.If):
            break
        root = place.node
        if not branching.is_elif(unit, root):
            break
    return root


def _block(unit: Unit, first: ast.stmt, last: ast.stmt) -> list[ast.stmt]:
    place = edits.place_at(unit, unit.model.module.span(first).start)
    places = edits.places_at(unit, unit.model.module.span(first).start)
    place = next(one for one in places if one.node is first)
    after = list(place.block[place.index :])
    return after[: after.index(last) + 1]


def _paired(
    block: Sequence[ast.stmt], lines: Sequence[Statement], into: dict[int, Statement]
) -> bool:
    """Find the statement of libcst for each of `ast`, as far as only branches lie in between."""
    if len(block) != len(lines):
        return False  # some share a line
    for node, line in zip(block, lines):
        into[id(node)] = line
        if isinstance(node, ast.If):
            if not isinstance(line, cst.If) or not _paired(node.body, lines_of(line.body), into):
                return False
            other = line.orelse
            inside = [other] if isinstance(other, cst.If) else lines_of(other.body) if other else []
            if not _paired(node.orelse, inside, into):
                return False
    return True


def _with_else(outer: cst.If, node: Statement, written: Sequence[Statement]) -> cst.If:
    """A chain of branches in which one `elif` became an `else`."""
    if outer.orelse is node:
        assert isinstance(node, cst.If)
        orelse = cst.Else(cst.IndentedBlock(written), leading_lines=node.leading_lines)
        return outer.with_changes(orelse=orelse)
    assert isinstance(outer.orelse, cst.If)
    return outer.with_changes(orelse=_with_else(outer.orelse, node, written))


def _needed(plan: Plan) -> tuple[Edit, ...]:
    inner = [side.inner for side in (plan.true, plan.false) if side.inner is not None]
    return (*plan.test.edits, *(edit for one in inner for edit in _needed(one)))


def _written(writer: _Writer, plan: Plan, depth: int) -> list[Statement]:
    """The statements in place of a branch: two functions and a call, or a call with two lambdas."""
    unit, found = writer.unit, writer.found
    short = _in_one_line(writer, plan, depth)
    if short is not None:
        return [found.parsed(short)]
    node = writer.statements[id(plan.node)]
    assert isinstance(node, cst.If)
    other = node.orelse.body if isinstance(node.orelse, cst.Else) else None
    made: list[Statement] = []
    functions: list[str] = []
    for side, wanted, suite in (
        (plan.true, "true_fun", node.body),
        (plan.false, "false_fun", other),
    ):
        value = _short_value(writer, side, plan)
        if value is not None:
            functions.append(
                f"lambda{' ' * bool(plan.operands)}{', '.join(plan.operands)}: {value}"
            )
            continue
        name = edits.fresh_name(unit, wanted)
        body = _body(writer, side, depth + 1)
        result = ", ".join(plan.outputs)
        functions.append(name)
        function = found.function(name, plan.operands, body, result, suite)
        made.append(found.apart(function) if made else function)
    given = ", ".join([plan.test.text, *functions, *plan.operands])
    made.append(found.apart(found.parsed(f"{_target(plan)}{writer.cond}({given})")))
    return made


def _body(writer: _Writer, side: Side, depth: int) -> list[Statement]:
    if side.inner is not None:
        return _written(writer, side.inner, depth)
    lines = [writer.statements[id(statement)] for statement in side.statements]
    first = lines[0]
    if isinstance(first, cst.If) and len(lines) == 1:  # an `elif` has its comments above it
        lines[0] = first.with_changes(leading_lines=[])
    return lines


def _target(plan: Plan) -> str:
    return "return " if plan.is_returned else f"{', '.join(plan.outputs)} = "


def _short_value(writer: _Writer, side: Side, plan: Plan) -> str | None:
    """What a side gives, where that fits into a lambda among other arguments."""
    if not side.statements:
        whole = ", ".join(plan.outputs)
        return whole if len(plan.outputs) == 1 else f"({whole})"
    code = "".join(writer.found.code(writer.statements[id(one)]) for one in side.statements)
    value = _value(writer, side, plan) if len(plan.outputs) < 2 and "#" not in code else None
    return value if value is not None and len(value) < 24 and "\n" not in value else None


def _in_one_line(writer: _Writer, plan: Plan, depth: int) -> str | None:
    """With two lambdas, where that is short and loses no comment."""
    if len(plan.outputs) > 1:
        return None
    statements = [*plan.true.statements, *plan.false.statements, plan.node]
    if any("#" in writer.found.code(writer.statements[id(one)]) for one in statements):
        return None
    values = [_value(writer, side, plan) for side in (plan.true, plan.false)]
    if values[0] is None or values[1] is None:
        return None
    call = f"{writer.cond}({plan.test.text}, lambda: {values[0]}, lambda: {values[1]})"
    written = f"{_target(plan)}{call}"
    indent = len(writer.found.indent) + depth * len(writer.found.module.default_indent)
    too_long = indent + len(written) > _LONGEST_LINE
    return None if too_long or "\n" in written or "\r" in written else written


def _value(writer: _Writer, side: Side, plan: Plan) -> str | None:
    """What a side gives, where that is one expression."""
    if not side.statements:
        return ", ".join(plan.outputs)
    only, *others = side.statements
    if others or side.inner is not None:
        return None
    if plan.outputs:
        return edits.new_value(writer.unit, only, plan.outputs[0])
    if isinstance(only, ast.Return) and only.value is not None:
        return edits.as_argument(writer.unit, only.value)
    return None

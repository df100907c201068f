"""Python loops as `jax.lax.fori_loop`, `jax.lax.scan` and `jax.vmap`."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import libcst as cst

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.fixes.loop_plans import Plan
from jaxsight_analyzers.rewrites.excerpt import Excerpt, Statement, excerpt, lines_of
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of

_WIDTH = 100
_FUNCTIONS = {"fori": "jax.lax.fori_loop", "scan": "jax.lax.scan", "vmap": "jax.vmap"}


def rewritten(unit: Unit, plan: Plan) -> tuple[Edit, ...] | None:
    """The edits that carry out a plan."""
    found = excerpt(unit, plan.node)
    if found is None:
        return None
    loop = found.statements[0]
    assert isinstance(loop, cst.For)
    function = edits.spell(unit, _FUNCTIONS[plan.kind])
    arange = edits.spell(unit, "jax.numpy.arange")
    imports = function.edits if plan.kind == "fori" else (*function.edits, *arange.edits)
    written = _short(unit, plan, found, function.text)
    if written is None:
        written = _long(unit, plan, found, loop, function.text)
    first = written[0]
    written = (first.with_changes(leading_lines=loop.leading_lines), *written[1:])
    around = [edit for one in plan.gathered for edit in one.without(unit)]
    return (found.replaced_by(written), *around, *dict.fromkeys(imports))


def _short(unit: Unit, plan: Plan, found: Excerpt, function: str) -> tuple[Statement, ...] | None:
    """One line with a lambda, where the body is one expression."""
    only = plan.node.body[0] if len(plan.node.body) == 1 else None
    has_comment = "#" in edits.text(unit, found.span)
    if only is None or has_comment:
        return None
    if plan.kind == "vmap":
        value = plan.gathered[0].value
        text = f"lambda {plan.item}: {edits.source(unit, value)}"
        line = f"{plan.gathered[0].name} = {function}({text})({plan.items})"
    elif plan.kind == "fori" and _assigns(only, plan.carried):
        assert isinstance(only, ast.Assign)
        (name,) = plan.carried
        text = f"lambda {plan.item}, {name}: {edits.source(unit, only.value)}"
        line = f"{name} = {function}({', '.join(plan.bounds)}, {text}, {name})"
    else:
        return None
    return (found.parsed(line),) if "\n" not in line and len(line) <= _WIDTH else None


def _assigns(statement: ast.stmt, names: Sequence[str]) -> bool:
    """Whether a statement gives the only carried name its new value."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or len(names) != 1:
        return False
    target = statement.targets[0]
    bare = isinstance(statement.value, ast.Tuple)
    return isinstance(target, ast.Name) and target.id == names[0] and not bare


def _long(
    unit: Unit, plan: Plan, found: Excerpt, loop: cst.For, function: str
) -> tuple[Statement, ...]:
    """A function for the body, and the call that runs it."""
    name = edits.fresh_name(unit, "body")
    carry = _carry(unit, plan)
    lines = list(lines_of(loop.body))
    results = _gather(unit, plan, found, lines)
    if len(plan.carried) > 1:
        lines.insert(0, found.parsed(f"{', '.join(plan.carried)} = {carry}"))
    made = found.function(name, _parameters(plan, carry), lines, _result(plan, results))
    if isinstance(loop.body, cst.IndentedBlock):
        assert isinstance(made, cst.FunctionDef)
        block = made.body.with_changes(header=loop.body.header)
        made = made.with_changes(body=block)
    return made, found.parsed(_call(plan, function, name))


def _carry(unit: Unit, plan: Plan) -> str:
    return plan.carried[0] if len(plan.carried) == 1 else edits.fresh_name(unit, "carry")


def _parameters(plan: Plan, carry: str) -> list[str]:
    if plan.kind == "vmap":
        return [plan.item]
    return [plan.item, carry] if plan.kind == "fori" else [carry, plan.item]


def _gather(unit: Unit, plan: Plan, found: Excerpt, lines: list[Statement]) -> list[str]:
    """What the body returns for each list; takes the statements that append out of it."""
    results: list[str] = []
    for one in plan.gathered:
        position = plan.node.body.index(one.append)
        text = edits.as_argument(unit, one.value)
        rest = names_of(plan.node.body[position + 1 :])
        read = {n.id for n in ast.walk(one.value) if isinstance(n, ast.Name)}
        if read.isdisjoint(rest.bound):
            results.append(text)
        else:
            name = edits.fresh_name(unit, f"{one.name}_item")
            results.append(name)
            lines[position] = found.parsed(f"{name} = {text}")
            continue
        lines[position] = found.parsed("pass")
    appended = {plan.node.body.index(one.append) for one in plan.gathered}
    kept = [
        line
        for n, line in enumerate(lines)
        if n not in appended or found.code(line).strip() != "pass"
    ]
    lines[:] = kept
    return results


def _result(plan: Plan, results: list[str]) -> str:
    carried = ", ".join(plan.carried)
    if plan.kind == "vmap":
        return results[0]
    if plan.kind == "fori":
        return carried
    state = carried if len(plan.carried) == 1 else f"({carried})"
    return f"{state}, {_tuple(results)}" if results else f"{state}, None"


def _call(plan: Plan, function: str, body: str) -> str:
    carried = ", ".join(plan.carried)
    state = carried if len(plan.carried) == 1 else f"({carried})"
    if plan.kind == "vmap":
        return f"{plan.gathered[0].name} = {function}({body})({plan.items})"
    if plan.kind == "fori":
        return f"{carried} = {function}({', '.join(plan.bounds)}, {body}, {state})"
    names = _tuple([one.name for one in plan.gathered]) if plan.gathered else "_"
    return f"{state}, {names} = {function}({body}, {state}, {plan.items})"


def _tuple(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

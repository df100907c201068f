"""Branches between two plain values, which `jnp.where` can pick from."""

from __future__ import annotations

import ast

from jaxsight_analyzers import edits
from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic import Unit

_PARTIAL = frozenset(
    {"log", "log2", "log10", "log1p", "sqrt", "rsqrt", "arccos", "arcsin", "arccosh", "arctanh"}
    | {"acos", "asin", "acosh", "atanh", "power", "float_power", "divide", "true_divide", "mod"}
    | {"remainder", "reciprocal", "norm", "inv", "solve", "cholesky", "logit", "xlogy", "digamma"}
)
"""Functions with values or slopes outside which they are infinite or not a number."""

_PARTIAL_OPERATORS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A branch that gives one of two values to one target."""

    span: Span  # what `jnp.where` replaces
    prefix: str  # `return `, `x = ` or nothing
    test: str
    chosen: str
    otherwise: str

    def written(self, where: str) -> str:
        """The branch with `jnp.where`, spelled as the file spells it."""
        return f"{self.prefix}{where}({self.test}, {self.chosen}, {self.otherwise})"


def of(unit: Unit, node: ast.AST) -> Alternatives | None:
    """How to write a branch with `jnp.where`; None where that is not one plain choice."""
    if isinstance(node, ast.IfExp):
        return _made(unit, unit.model.module.span(node), "", node.test, node.body, node.orelse)
    if isinstance(node, ast.If) and len(node.body) == 1 and not _is_elif(unit, node):
        return _statement(unit, node)
    return None


def _is_elif(unit: Unit, node: ast.If) -> bool:
    span = unit.model.module.span(node)
    return edits.text(unit, Span(span.start, span.start + 4)) == "elif"


def _statement(unit: Unit, node: ast.If) -> Alternatives | None:
    body = node.body[0]
    span = unit.model.module.span(node)
    if _has_comment(unit, span):
        return None
    place = edits.place_at(unit, span.start)
    if isinstance(body, ast.Return) and body.value is not None:
        return _returns(unit, node, span, body.value, place)
    if isinstance(body, ast.Assign) and len(body.targets) == 1:
        target = body.targets[0]
        if isinstance(target, ast.Name):
            return _assignments(unit, node, span, target, body.value, place)
    if isinstance(body, ast.AugAssign) and isinstance(body.target, ast.Name) and not node.orelse:
        return _augmented(unit, node, span, body)
    return None


def _returns(
    unit: Unit, node: ast.If, span: Span, value: ast.expr, place: edits.Place | None
) -> Alternatives | None:
    other: ast.stmt | None = node.orelse[0] if len(node.orelse) == 1 else None
    if not node.orelse and place is not None:
        other = place.next
        if other is not None:
            span = Span(span.start, unit.model.module.span(other).end)
    if not isinstance(other, ast.Return) or other.value is None or _has_comment(unit, span):
        return None
    return _made(unit, span, "return ", node.test, value, other.value)


def _assignments(
    unit: Unit,
    node: ast.If,
    span: Span,
    target: ast.Name,
    value: ast.expr,
    place: edits.Place | None,
) -> Alternatives | None:
    prefix = f"{target.id} = "
    if not node.orelse:
        if not _is_bound_before(unit, node, target.id, place):
            return None
        return _made(unit, span, prefix, node.test, value, ast.copy_location(target, target))
    other = node.orelse[0]
    same = (
        len(node.orelse) == 1
        and isinstance(other, ast.Assign)
        and len(other.targets) == 1
        and isinstance(other.targets[0], ast.Name)
        and other.targets[0].id == target.id
    )
    if not same or not isinstance(other, ast.Assign):
        return None
    return _made(unit, span, prefix, node.test, value, other.value)


def _augmented(unit: Unit, node: ast.If, span: Span, body: ast.AugAssign) -> Alternatives | None:
    assert isinstance(body.target, ast.Name)
    total = _is_total(body.value) and _is_one_test(node.test)
    if isinstance(body.op, _PARTIAL_OPERATORS) or not total:
        return None
    name = body.target.id
    module = unit.model.module
    between = Span(module.span(body.target).end, module.span(body.value).start)
    operator = edits.text(unit, between).replace("=", "").strip()
    chosen = f"{name} {operator} {edits.as_operand(unit, body.value)}"
    test = edits.as_argument(unit, node.test)
    return Alternatives(span, f"{name} = ", test, chosen, name)


def _is_bound_before(unit: Unit, node: ast.If, name: str, place: edits.Place | None) -> bool:
    """Whether a name certainly has a value before a branch: a parameter, or assigned above in its block."""
    if place is None:
        return False
    if any(name in edits.names_bound_in(before) for before in place.block[: place.index]):
        return True
    owner = next((p for p in reversed(place.parents) if isinstance(p, ast.FunctionDef)), None)
    return owner is not None and any(
        argument.arg == name
        for argument in (*owner.args.posonlyargs, *owner.args.args, *owner.args.kwonlyargs)
    )


def _made(
    unit: Unit, span: Span, prefix: str, test: ast.expr, chosen: ast.expr, otherwise: ast.expr
) -> Alternatives | None:
    if not (_is_total(chosen) and _is_total(otherwise) and _is_one_test(test)):
        return None
    written = [edits.as_argument(unit, part) for part in (test, chosen, otherwise)]
    if any("\n" in part for part in written):
        return None
    return Alternatives(span, prefix, *written)


def _is_total(node: ast.expr) -> bool:
    """Whether an expression is a value for any input, and evaluating it does nothing else."""
    for child in ast.walk(node):
        if isinstance(child, ast.BinOp) and isinstance(child.op, _PARTIAL_OPERATORS):
            return False
        if isinstance(child, ast.Call) and not _is_total_call(child):
            return False
        if isinstance(
            child,
            (
                ast.Tuple,
                ast.List,
                ast.Dict,
                ast.Lambda,
                ast.Await,
                ast.Yield,
                ast.NamedExpr,
                ast.ListComp,
                ast.GeneratorExp,
                ast.DictComp,
                ast.SetComp,
                ast.Starred,
            ),
        ):
            return False
        if isinstance(child, ast.Constant) and not isinstance(child.value, (int, float, complex)):
            return False
    return True


def _is_one_test(test: ast.expr) -> bool:
    """Whether a test asks for no truth of its parts, as `not`, `and` and `a < b < c` do."""
    return not any(
        isinstance(part, (ast.BoolOp, ast.NamedExpr, ast.IfExp))
        or (isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not))
        or (isinstance(part, ast.Compare) and len(part.ops) > 1)
        for part in ast.walk(test)
    )


def _is_total_call(node: ast.Call) -> bool:
    """A function of an array library, or a method, that is defined everywhere."""
    function = node.func
    return isinstance(function, ast.Attribute) and function.attr not in _PARTIAL


def _has_comment(unit: Unit, span: Span) -> bool:
    """Whether a comment would be lost. A `#` in a string counts too: better no fix than a wrong one."""
    return "#" in edits.text(unit, span)

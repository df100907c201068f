"""Branches between two plain values, which `jnp.where` can pick from."""

from __future__ import annotations

import ast

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import branching, edits, regions, truths
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
    test: truths.Written
    chosen: str
    otherwise: str | Alternatives

    def written(self, where: str) -> str:
        """The branch with `jnp.where`, spelled as the file spells it."""
        return f"{self.prefix}{self._choice(where)}"

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The imports that the tests need."""
        inner = () if isinstance(self.otherwise, str) else self.otherwise.edits
        return (*self.test.edits, *inner)

    def _choice(self, where: str) -> str:
        other = self.otherwise
        last = other if isinstance(other, str) else other._choice(where)
        return f"{where}({self.test.text}, {self.chosen}, {last})"


def of(unit: Unit, node: ast.AST) -> Alternatives | None:
    """How to write a branch with `jnp.where`; None where that is not one plain choice."""
    if isinstance(node, ast.IfExp):
        return _made(unit, unit.model.module.span(node), "", node.test, node.body, node.orelse)
    if not isinstance(node, ast.If) or len(node.body) > 1:
        return None
    found = _statement(unit, node)
    if found is None or not branching.is_elif(unit, node):
        return found
    indent = edits.indent_of(unit, found.span.start)
    start = f"else:{edits.newline(unit)}{indent}{edits.indent_unit(unit)}"
    return replace(found, prefix=start + found.prefix)


def _statement(unit: Unit, node: ast.If) -> Alternatives | None:
    body = node.body[0]
    span = unit.model.module.span(node)
    if len(node.body) > 1 or _has_comment(unit, span):
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


def _next(unit: Unit, node: ast.If) -> ast.If | None:
    """The `elif` of a branch, where Python fails to decide that, too."""
    only = node.orelse[0] if len(node.orelse) == 1 else None
    if not isinstance(only, ast.If) or not branching.is_elif(unit, only):
        return None
    return only if any(branch.node is only for branch in unit.branches) else None


def _returns(
    unit: Unit, node: ast.If, span: Span, value: ast.expr, place: edits.Place | None
) -> Alternatives | None:
    following = _next(unit, node)
    if following is not None:
        inner = _statement(unit, following)
        if inner is None or inner.prefix != "return ":
            return None
        return _chained(unit, Span(span.start, inner.span.end), "return ", node.test, value, inner)
    other: ast.stmt | None = node.orelse[0] if len(node.orelse) == 1 else None
    if not node.orelse and place is not None:
        other = place.next if place.node is node and not branching.is_elif(unit, node) else None
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
    following = _next(unit, node)
    if following is not None:
        inner = _statement(unit, following)
        if inner is None or inner.prefix != prefix:
            return None
        return _chained(unit, span, prefix, node.test, value, inner)
    if not node.orelse:
        if target.id not in regions.bound_before(unit, node):
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


def _chained(
    unit: Unit, span: Span, prefix: str, test: ast.expr, chosen: ast.expr, inner: Alternatives
) -> Alternatives | None:
    written = truths.written(unit, test)
    value = edits.as_argument(unit, chosen)
    if written is None or not _is_total(chosen) or "\n" in written.text + value:
        return None
    return Alternatives(span, prefix, written, value, inner)


def _augmented(unit: Unit, node: ast.If, span: Span, body: ast.AugAssign) -> Alternatives | None:
    assert isinstance(body.target, ast.Name)
    name, test = body.target.id, truths.written(unit, node.test)
    chosen = edits.new_value(unit, body, name)
    if not _is_defined(body.op, body.value) or not _is_total(body.value):
        return None
    if test is None or chosen is None or name not in regions.bound_before(unit, node):
        return None
    return Alternatives(span, f"{name} = ", test, chosen, name)


def _made(
    unit: Unit, span: Span, prefix: str, test: ast.expr, chosen: ast.expr, otherwise: ast.expr
) -> Alternatives | None:
    asked = truths.written(unit, test)
    if asked is None or not (_is_total(chosen) and _is_total(otherwise)):
        return None
    written = [edits.as_argument(unit, part) for part in (chosen, otherwise)]
    if any("\n" in part for part in (asked.text, *written)):
        return None
    return Alternatives(span, prefix, asked, *written)


def _is_defined(operator: ast.operator, right: ast.expr) -> bool:
    """Whether an operator has a value and a slope for any left operand: `x / 2` and `x**2` do."""
    if not isinstance(operator, _PARTIAL_OPERATORS):
        return True
    value = right.value if isinstance(right, ast.Constant) else None
    if isinstance(operator, ast.Pow):
        return isinstance(value, int) and value >= 0
    return isinstance(value, (int, float)) and value != 0


def _is_total(node: ast.expr) -> bool:
    """Whether an expression is a value for any input, and evaluating it does nothing else."""
    for child in ast.walk(node):
        if isinstance(child, ast.BinOp) and not _is_defined(child.op, child.right):
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


def _is_total_call(node: ast.Call) -> bool:
    """A function of an array library, or a method, that is defined everywhere."""
    function = node.func
    return isinstance(function, ast.Attribute) and function.attr not in _PARTIAL


def _has_comment(unit: Unit, span: Span) -> bool:
    """Whether a comment would be lost. A `#` in a string counts too: better no fix than a wrong one."""
    return "#" in edits.text(unit, span)

"""Takes a logarithm or an exponential in a way that overflows or loses digits.

## Why is this bad?

In float32 `exp` overflows above 88 and underflows below -103, and `1 + x` forgets an `x` below 1e-7. So
`jnp.log(jax.nn.softmax(x))` is `-inf` where the answer is -200, `jnp.log(jnp.sum(jnp.exp(x)))` is `inf` where
it is 100.7, and `nan` comes out of their gradients. `jax.nn.log_softmax`, `jax.nn.logsumexp`,
`jax.nn.log_sigmoid`, `jax.nn.softplus`, `jnp.log1p`, `jnp.expm1` and `jax.nn.softmax` compute the same without that.

## Fix safety

Safe: the new function computes the same up to rounding, with the same dtype and gradient.

## Limits

Only what is written out in one expression is seen, not what goes through names. Where the largest value is
subtracted first (`jnp.exp(x - x.max())`) nothing is wrong, nor where a Python number is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.values import Kind

_LOG = ("jax.numpy.log", "jax.lax.log")
_EXP = ("jax.numpy.exp", "jax.lax.exp")
_NEVER_NEGATIVE = ("jax.numpy.abs", "jax.lax.abs", "jax.numpy.square", "jax.lax.square")
_SUM = ("jax.numpy.sum",)
_SOFTMAX = ("jax.nn.softmax", "jax.scipy.special.softmax")
_SIGMOID = ("jax.nn.sigmoid", "jax.scipy.special.expit", "jax.lax.logistic")
_OVERFLOWS = "overflows where `{}` is large"
_UNDERFLOWS = "is `-inf` where `{}` is very negative"
_FORGETS = "loses the digits of `{}` where it is small"


_Better = tuple[str, str, str]
"""A function that computes the same, its arguments, and what is wrong with what is written."""


def check(unit: Unit) -> Iterator[Finding]:
    for number, expression in enumerate(_candidates(unit)):
        better = _better(unit, expression)
        if better is None:
            continue
        function, _, wrong = better
        shown = function.replace("jax.numpy.", "jnp.")
        yield Finding(
            span=unit.model.module.span(expression),
            message=f"`{edits.source(unit, expression)}` {wrong}; `{shown}` does not",
            fixes=(FixRef("use-stable", f"Use `{shown}`", Applicability.SAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    expression = list(_candidates(unit))[reference.data]
    better = _better(unit, expression)
    if better is None:
        return None
    function = edits.spell(unit, better[0])
    span = unit.model.module.span(expression)
    edit = Edit(span, f"{function.text}({better[1]})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


def _candidates(unit: Unit) -> Iterator[ast.expr]:
    for _, call in unit.calls_of(_LOG):
        yield call.node
    yield from unit.operations


def _better(unit: Unit, node: ast.expr) -> _Better | None:
    if isinstance(node, ast.BinOp):
        return _of_operation(unit, node)
    if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
        return None
    inside = node.args[0]
    if isinstance(inside, ast.Call):
        return _of_softmax(unit, inside) or _of_sum(unit, inside)
    if isinstance(inside, ast.BinOp):
        return _of_sigmoid(unit, inside) or _of_term(unit, inside)
    return None


def _argument(unit: Unit, node: ast.expr, names: tuple[str, ...]) -> ast.expr | None:
    """The argument of a call of one of these functions that is given nothing else."""
    call = unit.call_at(node)
    if call is None or call.canonical not in names or _is_number(call):
        return None
    plain = len(call.node.args) == 1 and not call.node.keywords
    return call.node.args[0] if plain and not isinstance(call.node.args[0], ast.Starred) else None


def _of_softmax(unit: Unit, node: ast.Call) -> _Better | None:
    """`log(softmax(x, axis=1))`, `log(sigmoid(x))`."""
    call = unit.call_at(node)
    if call is None or not node.args or isinstance(node.args[0], ast.Starred):
        return None
    if _is_number(call):
        return None
    first = edits.source(unit, node.args[0])
    if call.canonical in _SIGMOID:
        return ("jax.nn.log_sigmoid", first, _UNDERFLOWS.format(first))
    if call.canonical not in _SOFTMAX or any(k.arg != "axis" for k in node.keywords):
        return None
    rest = [edits.source(unit, one) for one in (*node.args[1:], *node.keywords)]
    return (
        "jax.nn.log_softmax",
        ", ".join([edits.as_argument(unit, node.args[0]), *rest]),
        f"is `-inf` where a value of `{first}` is far below the largest",
    )


def _of_sum(unit: Unit, node: ast.Call) -> _Better | None:
    """`log(sum(exp(x), axis=1))`, `log(exp(x).sum(axis=1))`."""
    call = unit.call_at(node)
    if call is not None and call.canonical in _SUM and node.args:
        summed, rest = node.args[0], node.args[1:]
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "sum":
        summed, rest = node.func.value, node.args
    else:
        return None
    inside = _argument(unit, summed, _EXP)
    if inside is None or _is_shifted(unit, inside) or _is_bounded(unit, inside):
        return None
    if any(keyword.arg not in ("axis", "keepdims") for keyword in node.keywords) or len(rest) > 1:
        return None
    given = [edits.source(unit, one) for one in (*rest, *node.keywords)]
    return (
        "jax.nn.logsumexp",
        ", ".join([edits.as_argument(unit, inside), *given]),
        _OVERFLOWS.format(edits.source(unit, inside)),
    )


def _of_sigmoid(unit: Unit, node: ast.BinOp) -> _Better | None:
    """`log(1 - sigmoid(x))`, `log(1 - x)`."""
    if not isinstance(node.op, ast.Sub) or not _is_one(node.left):
        return None
    inside = _argument(unit, node.right, _SIGMOID)
    if inside is None:
        return None
    negative = f"-{edits.as_operand(unit, inside)}"
    wrong = f"is `-inf` where `{edits.source(unit, inside)}` is large"
    return ("jax.nn.log_sigmoid", negative, wrong)


def _of_term(unit: Unit, node: ast.BinOp) -> _Better | None:
    """`log(1 + exp(x))`, `log(exp(a) + exp(b))`."""
    if not isinstance(node.op, ast.Add):
        return None
    for one, other in ((node.left, node.right), (node.right, node.left)):
        inside = _argument(unit, other, _EXP)
        if inside is None or _is_never_positive(unit, inside):
            continue
        written = edits.as_argument(unit, inside)
        if _is_one(one):
            return ("jax.nn.softplus", written, _OVERFLOWS.format(written))
        second = _argument(unit, one, _EXP)
        if second is not None:
            both = [edits.as_argument(unit, term) for term in (second, inside)]
            both = both if one is node.left else both[::-1]
            return ("jax.numpy.logaddexp", ", ".join(both), _OVERFLOWS.format(both[0]))
    return None


def _of_operation(unit: Unit, node: ast.BinOp) -> _Better | None:
    """`exp(x) - 1`, `exp(x) / sum(exp(x))`."""
    inside = _argument(unit, node.left, _EXP)
    if inside is None:
        return None
    written = edits.source(unit, inside)
    if isinstance(node.op, ast.Sub):
        if not _is_one(node.right):
            return None
        return ("jax.numpy.expm1", edits.as_argument(unit, inside), _FORGETS.format(written))
    if _is_shifted(unit, inside):
        return None
    call = unit.call_at(node.right)
    if call is None or call.canonical not in _SUM or not call.node.args:
        return None
    summed = _argument(unit, call.node.args[0], _EXP)
    if summed is None or edits.source(unit, summed) != written or len(call.node.args) > 1:
        return None
    keywords = {keyword.arg: keyword.value for keyword in call.node.keywords}
    if not keywords:
        axis = "axis=None"
    elif keywords.keys() == {"axis", "keepdims"} and _is_true(keywords["keepdims"]):
        axis = f"axis={edits.source(unit, keywords['axis'])}"
    else:
        return None
    return (
        "jax.nn.softmax",
        f"{edits.as_argument(unit, inside)}, {axis}",
        _OVERFLOWS.format(written),
    )


def _is_shifted(unit: Unit, node: ast.expr) -> bool:
    """`x - largest`, `2 * (x - largest)`, or a name that was given that before."""
    if isinstance(node, ast.Name):
        place = edits.place_at(unit, unit.model.module.span(node).start)
        given = None if place is None else edits.given_before(place, node.id)
        return isinstance(given, ast.BinOp) and _is_shifted(unit, given)
    if not isinstance(node, ast.BinOp):
        return False
    scaled = isinstance(node.op, (ast.Mult, ast.Div))
    shifted = scaled and (_is_shifted(unit, node.left) or _is_shifted(unit, node.right))
    return shifted or isinstance(node.op, ast.Sub)


def _is_bounded(unit: Unit, node: ast.expr) -> bool:
    """`jnp.clip(x, -50, 50)`, of which the exponential does not overflow."""
    call = unit.call_at(node)
    return call is not None and call.canonical in ("jax.numpy.clip", "jax.numpy.minimum")


def _is_never_positive(unit: Unit, node: ast.expr) -> bool:
    """`-jnp.abs(x)`, of which the exponential does not overflow."""
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, ast.USub):
        return False
    if isinstance(node.operand, ast.Name):
        return "abs" in node.operand.id.split("_")  # as people name them
    if isinstance(node.operand, ast.Call) and edits.source(unit, node.operand.func) == "abs":
        return True
    call = unit.call_at(node.operand)
    return call is not None and call.canonical in _NEVER_NEGATIVE


def _is_number(call: Call) -> bool:
    """Whether a function is given a Python number: who wrote it knows how large that is."""
    return bool(call.arguments) and call.arguments[0].kind is Kind.STATIC


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 1


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


RULE = Rule(
    name="unstable-log-exp",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def loss(logits, labels):
                return -(labels * jnp.log(jax.nn.softmax(logits))).sum()  # error: [unstable-log-exp]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def loss(logits, labels):
                return -(labels * jax.nn.log_softmax(logits)).sum()
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def log_normaliser(x):
                largest = x.max()
                return largest + jnp.log(jnp.sum(jnp.exp(x - largest)))
            """
        ),
    ),
)

"""Masks scores with `-inf` before a softmax, where a whole row may be masked.

## Why is this bad?

A row that is `-inf` throughout becomes NaN in `softmax`: it subtracts the largest value, and `-inf - -inf` is NaN. So does its gradient, and
from there all parameters. That takes one empty sequence, or a batch that was padded.

## Fix safety

Unsafe: a row that is masked throughout is uniform then instead of NaN; other rows stay as they are. With `where=` it would be zero,
and is worth a thought: `jax.nn.softmax(scores, where=mask)`.

## Limits

In preview: whether a whole row is ever masked, the code does not say. Reported where the mask is a parameter. A mask that the function
makes, such as a causal one, most often leaves something in each row; nor is a function reported that looks for NaN or for empty rows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
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

_SOFTMAX = (
    *("jax.nn.softmax", "jax.nn.log_softmax", "jax.scipy.special.softmax"),
    *("jax.scipy.special.log_softmax", "flax.linen.softmax", "flax.linen.log_softmax"),
)
_WHERE = "jax.numpy.where"
_INFINITE = re.compile(r"""-\s*(?:\w+\.)*inf|float\(\s*["']-inf["']\s*\)""")
_LOOKS = re.compile(r"isnan|nan_to_num|isinf|isfinite|\bany\(|\.any\(|\bcausal|finfo")


_Masked = tuple[str, ast.expr, ast.expr]
"""The mask, what it masks, and the `-inf`."""


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_SOFTMAX):
        masked = _masked(unit, call)
        if masked is None:
            continue
        mask, scores, infinite = masked
        fixes: tuple[FixRef, ...] = ()
        if isinstance(scores, (ast.Name, ast.Attribute)):
            title = "Mask with the smallest finite number"
            fixes = (FixRef("mask-finite", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=unit.model.module.span(infinite),
            message=f"`{call.name}` of a row that `{mask}` masks throughout is NaN, and so is its gradient",
            certainty=Certainty.MAYBE,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    masked = _masked(unit, unit.calls[reference.data])
    if masked is None:
        return None
    _, scores, infinite = masked
    function = edits.spell(unit, "jax.numpy.finfo")
    text = f"{function.text}({edits.source(unit, scores)}.dtype).min"
    edit = Edit(unit.model.module.span(infinite), text)
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


def _masked(unit: Unit, softmax: Call) -> _Masked | None:
    """What masks the argument of a softmax with `-inf`."""
    arguments = softmax.node.args
    if not arguments or any(keyword.arg == "where" for keyword in softmax.node.keywords):
        return None
    places = edits.places_at(unit, softmax.span.start)
    functions = [p for p in places if isinstance(p.node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not functions or _LOOKS.search(edits.text(unit, functions[-1].span)):
        return None
    node = arguments[0]
    if isinstance(node, ast.Name):
        node = edits.given_before(places[-1], node.id)
    call = None if node is None else unit.call_at(node)
    if call is None or call.canonical != _WHERE or len(call.node.args) != 3:
        return None
    condition, *sides = call.node.args
    infinite = [side for side in sides if _INFINITE.fullmatch(edits.source(unit, side))]
    scores = [side for side in sides if side not in infinite]
    mask = _root(condition)
    if len(infinite) != 1 or mask is None or not _is_parameter(functions[-1], mask):
        return None
    return mask, scores[0], infinite[0]


def _root(node: ast.expr) -> str | None:
    """The name that a mask is made of: `~mask[:, None]`, `mask > 0`, `mask.astype(bool)`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant):
            node = node.left
        elif isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.args[0] if node.args and node.func.attr == "expand_dims" else node.func
        else:
            return None
    return node.id


def _is_parameter(function: edits.Place, name: str) -> bool:
    """Whether a name is what a caller passes, and nothing else."""
    node = function.node
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    given = node.args
    names = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)} - {"self"}
    return name in names and all(name not in edits.names_bound_in(inner) for inner in node.body)


RULE = Rule(
    name="masked-softmax-minus-inf",
    severity=Severity.WARNING,
    since="0.1.0",
    preview=True,
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def attend(scores, mask):
                scores = jnp.where(mask, scores, -jnp.inf)  # error: [masked-softmax-minus-inf]
                return jax.nn.softmax(scores)
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def attend(scores, mask):
                scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
                return jax.nn.softmax(scores)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def attend(scores, mask):
                return jax.nn.softmax(scores, where=mask)
            """
        ),
    ),
)

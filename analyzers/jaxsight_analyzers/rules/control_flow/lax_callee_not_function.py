"""Gives a function of JAX a value where it takes a function, or a body that it cannot use.

## Why is this bad?

`jax.lax.cond`, `jax.lax.scan` and their kin take functions, and call them themselves. A value, or the result of a function that was
called too early, raises `TypeError: lax.cond: true_fun and false_fun arguments should be callable`;
`jax.jit(f(x))` raises `TypeError: Expected a callable value`.

The body of `jax.lax.scan` returns the new carry and what is to be stacked: `return carry, None` if
there is nothing to stack. Otherwise JAX raises `TypeError: scan body output must be a pair`.
The body of `jax.lax.fori_loop` takes the counter first: `body(i, carry)`. What `scan` and `map` go through
has an axis: numbers, and lists of numbers, raise `ValueError: scan got value with no leading axis to scan over`.

## Fix safety

Safe for the branches of `cond` that are values: `lambda:` before them is the only cure, and the code cannot
have worked. The others are unsafe: whether the body was to stack something, and what a call was
meant to do, the author knows.

## Limits

A body that takes a counter by name last is reported as "may" unless it takes its first argument apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.callee_streams import Refusal


def check(unit: Unit) -> Iterator[Finding]:
    for number, refusal in enumerate(unit.refusals):
        if refusal.why in ("generator", "async"):
            continue  # a rule of its own
        if refusal.function is not None and unit.is_being_typed(refusal.function):
            continue  # what it returns is still to come
        yield Finding(
            span=refusal.span,
            message=_message(refusal),
            certainty=refusal.certainty,
            fixes=tuple(_fixes(unit, refusal, number)),
        )


def _message(refusal: Refusal) -> str:
    text, name = _short(refusal.text), refusal.name
    if refusal.why == "no function":
        return f"`{text}` is a value, and `{name}` fails because it takes a function here"
    if refusal.why == "arity":
        return f"`{text}` cannot be called as `{name}` calls its body, with {_takes(refusal)}"
    if refusal.why == "no pair":
        return f"`{text}` does not return a pair, and `{name}` fails: it takes the carry and what to stack"
    if refusal.why == "swapped":
        verb = "fails" if refusal.certainty is Certainty.YES else "may do something else"
        return f"`{text}` takes the counter last, and `{name}` gives it first, so it {verb}"
    what = "is a number" if refusal.why == "no axis" else "holds numbers"
    return f"`{text}` {what}, and `{name}` fails because these have no axis to go along"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}..."


def _takes(refusal: Refusal) -> str:
    if refusal.qualified == "jax.lax.scan":
        return "the carry and one slice"
    return (
        "the counter and the carry" if refusal.qualified == "jax.lax.fori_loop" else "one argument"
    )


def _fixes(unit: Unit, refusal: Refusal, number: int) -> Iterator[FixRef]:
    if _wrapped(unit, refusal) is not None:
        title = "Make it a function with `lambda`"
        yield FixRef("wrap", title, Applicability.SAFE, number)
    if _called_later(unit, refusal) is not None:
        title = f"Give `{refusal.name}` the function, and call what it returns"
        yield FixRef("call-later", title, Applicability.UNSAFE, number)
    if _paired(unit, refusal) is not None:
        title = "Return `None` beside the carry: nothing is stacked"
        yield FixRef("return-pair", title, Applicability.UNSAFE, number)
    if _reordered(unit, refusal) is not None:
        yield FixRef("swap", "Take the counter first", Applicability.UNSAFE, number)
    if refusal.why == "numbers":
        yield FixRef("as-array", "Make an array of it", Applicability.UNSAFE, number)
    if refusal.why == "no axis" and refusal.qualified == "jax.lax.scan":
        yield FixRef("length", "Give it as the `length`", Applicability.UNSAFE, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    refusal = unit.refusals[reference.data]
    edited = _EDITS[reference.kind](unit, refusal)
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _wrapped(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    """A branch of `cond` that takes no operands, as a function."""
    call = refusal.node
    if refusal.why != "no function" or refusal.qualified != "jax.lax.cond":
        return None
    if not isinstance(call, ast.Call) or len(call.args) != 3 or call.keywords:
        return None
    return (Edit(refusal.span, f"lambda: {refusal.text}"),)


def _called_later(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    """`jax.jit(f)(x)` for `jax.jit(f(x))`."""
    call, given = refusal.node, refusal.argument
    if refusal.why != "no function" or not isinstance(call, ast.Call):
        return None
    if not isinstance(given, ast.Call) or not _is_transformation(unit, refusal):
        return None
    span = unit.model.module.span
    outer, inner, function = span(call), span(given), span(given.func)
    arguments = edits.text(unit, Span(function.end, inner.end))
    return Edit(Span(function.end, inner.end), ""), Edit(Span(outer.end, outer.end), arguments)


def _is_transformation(unit: Unit, refusal: Refusal) -> bool:
    facts = unit.knowledge.function(refusal.qualified)
    return facts is not None and facts.transforms


def _paired(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    """`, None` behind the one value that the body returns."""
    function = refusal.function
    if refusal.why != "no pair" or function is None:
        return None
    if isinstance(function, ast.Lambda):
        value: ast.expr | None = function.body
    else:
        returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
        value = returns[0].value if len(returns) == 1 else None
    if value is None or isinstance(value, (ast.Tuple, ast.List, ast.Dict, ast.Constant)):
        return None
    text = f"{edits.as_argument(unit, value)}, None"
    whole = f"({text})" if isinstance(function, ast.Lambda) else text
    return (Edit(unit.model.module.span(value), whole),)


def _reordered(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    """The two parameters of a body the other way round."""
    function = refusal.function
    if refusal.why != "swapped" or function is None or function.args.defaults:
        return None
    first, second = [*function.args.posonlyargs, *function.args.args][-2:]
    span = unit.model.module.span
    one, other = span(first), span(second)
    return Edit(one, edits.text(unit, other)), Edit(other, edits.text(unit, one))


def _as_array(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    spelled = edits.spell(unit, "jax.numpy.array")
    edit = Edit(refusal.span, f"{spelled.text}({refusal.text})")
    return (edit, *spelled.edits)


def _as_length(unit: Unit, refusal: Refusal) -> tuple[Edit, ...] | None:
    return (Edit(refusal.span, f"None, length={refusal.text}"),)


_EDITS = {
    "wrap": _wrapped,
    "call-later": _called_later,
    "return-pair": _paired,
    "swap": _reordered,
    "as-array": _as_array,
    "length": _as_length,
}

RULE = Rule(
    name="lax-callee-not-function",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: lax.cond: true_fun and false_fun arguments should be callable",
        "TypeError: Expected a callable value",
        "TypeError: scan body output must be a pair",
        "ValueError: scan got value with no leading axis to scan over",
    ),
    examples=(
        Example(
            """
            from jax import lax

            def pick(p):
                return lax.cond(p, 1.0, 2.0)  # error: [lax-callee-not-function] # error: [lax-callee-not-function]

            def total(xs):
                return lax.scan(lambda c, x: c + x, 0.0, xs)  # error: [lax-callee-not-function]
            """,
            fixed="""
            from jax import lax

            def pick(p):
                return lax.cond(p, lambda: 1.0, lambda: 2.0)

            def total(xs):
                return lax.scan(lambda c, x: (c + x, None), 0.0, xs)
            """,
        ),
        Example(
            """
            from jax import lax

            def pick(p):
                return lax.cond(p, lambda: 1.0, lambda: 2.0)

            def total(xs):
                return lax.scan(lambda c, x: (c + x, None), 0.0, xs)
            """
        ),
    ),
)

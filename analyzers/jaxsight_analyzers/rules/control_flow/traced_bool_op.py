"""Combines or compares traced values in a way that asks Python for their truth.

## Why is this bad?

`x and y`, `x or y`, `not x` and `a < x < b` call `bool()` on what stands before them, as do the builtins
`bool`, `max`, `min`, `any`, `all`, `sorted` and `x in values`. While `jax.jit`, `jax.vmap` and their kin trace
a function its arrays have no values, and JAX raises `TracerBoolConversionError: Attempted boolean
conversion of traced array with shape bool[]`.

`&`, `|` and `~` work element by element, and `jax.numpy` has `logical_and`, `maximum`, `any` and so on.

## Fix safety

Safe where the operands are certainly traced and the result can only be one thing: `(a < x) & (x < b)`,
`~(x > 0)`, `jnp.maximum(x, 0.0)`, `jnp.any(x)`. Unsafe where it may be meant otherwise: `jnp.sort` gives
an array and not a list, `jnp.isin` compares with each value, and `.astype(bool)` keeps an array for what may
have been meant as a decision of Python.

`x or default` has no fix: it is meant for None, for which `x is None` asks without a truth.

## Limits

In the test of an `if`, a `while` or an `assert` the whole statement fails, and is reported by the rule
about it. `abs`, `round`, `sum`, `len`, `list` and `tuple` work on tracers.
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
)
from jaxsight_analyzers.fixes import edits, truths
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.control_flow_streams import Asked

_WORDS = {"chain": "a chain of comparisons"}
_OF_TWO = {"max": "maximum", "min": "minimum"}
_OF_ONE = {"max": "max", "min": "min", "any": "any", "all": "all", "sorted": "sort"}


def check(unit: Unit) -> Iterator[Finding]:
    for number, asked in enumerate(unit.truths):
        is_sure = asked.asked is Certainty.YES
        word = _WORDS.get(asked.operation, f"`{asked.operation}`")
        verb, fails = ("is", "fails") if is_sure else ("may be", "then fails")
        yield Finding(
            span=asked.span,
            message=f"`{asked.text}` {verb} traced by `{asked.function}`, so {word} {fails}: Python asks for a truth",
            certainty=asked.asked,
            related=asked.related,
            fixes=_fixes(unit, asked, number),
        )


def _fixes(unit: Unit, asked: Asked, number: int) -> tuple[FixRef, ...]:
    sure = Applicability.SAFE if asked.asked is Certainty.YES else Applicability.UNSAFE
    if asked.operation == "in":
        if _values(asked) is None:
            return ()
        return (FixRef("use-isin", "Use `jnp.isin`", Applicability.UNSAFE, number),)
    if asked.operation == "bool":
        is_boolean = truths.is_boolean(asked.operand)
        title = "Leave `bool` out" if is_boolean else "Use `.astype(bool)`"
        return (FixRef("use-astype", title, Applicability.UNSAFE, number),)
    if asked.operation in _OF_ONE:
        function = _counterpart(asked)
        if function is None:
            return ()
        title = f"Use `jnp.{function}`"
        return (
            FixRef("use-jax", title, Applicability.UNSAFE if function == "sort" else sure, number),
        )
    if _is_of_booleans(asked) and truths.written(unit, asked.node) is not None:
        title = "Use `&`, `|` and `~`" if truths.is_boolean(asked.node) else "Use `jnp.logical_not`"
        return (FixRef("use-operators", title, sure, number),)
    return ()


def _is_of_booleans(asked: Asked) -> bool:
    """Whether the result is a boolean: that of `x or y` is `x` or `y`."""
    return asked.operation in ("not", "chain") or truths.is_boolean(asked.node)


def _counterpart(asked: Asked) -> str | None:
    call = asked.node
    if not isinstance(call, ast.Call) or call.keywords:
        return None
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    if len(call.args) == 2:
        return _OF_TWO.get(asked.operation)
    return _OF_ONE[asked.operation] if len(call.args) == 1 and asked.is_array else None


def _values(asked: Asked) -> ast.expr | None:
    """The values among which one is looked for, where they are written out or one array."""
    node = asked.node
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In):
        return None
    values = node.comparators[0]
    return values if values is asked.operand or isinstance(values, (ast.Tuple, ast.List)) else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    asked = unit.truths[reference.data]
    if reference.kind == "use-operators":
        found = truths.written(unit, asked.node)
        if found is None:
            return None
        changes = (Edit(asked.span, found.text), *found.edits)
    elif reference.kind == "use-isin":
        changes = _isin(unit, asked)
    elif reference.kind == "use-astype":
        array = edits.as_operand(unit, asked.operand)
        convert = "" if truths.is_boolean(asked.operand) else ".astype(bool)"
        changes = (Edit(asked.span, array + convert),)
    else:
        assert isinstance(asked.node, ast.Call)
        function = edits.spell(unit, f"jax.numpy.{_counterpart(asked)}")
        where = unit.model.module.span(asked.node.func)
        changes = (Edit(where, function.text), *function.edits)
    return Fix(reference.title, changes, reference.applicability)


def _isin(unit: Unit, asked: Asked) -> tuple[Edit, ...]:
    values = _values(asked)
    assert isinstance(asked.node, ast.Compare) and values is not None
    function = edits.spell(unit, "jax.numpy.isin")
    looked_for = edits.as_argument(unit, asked.node.left)
    among, needed = edits.as_argument(unit, values), function.edits
    if values is not asked.operand:
        array = edits.spell(unit, "jax.numpy.array")
        among = f"{array.text}({among})"
    return (Edit(asked.span, f"{function.text}({looked_for}, {among})"), *needed)


RULE = Rule(
    name="traced-bool-op",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TracerBoolConversionError: Attempted boolean conversion of traced array with shape",),
    raising=r"\b(and|or|not|in)\b|\b(max|min|any|all|sorted)\(",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def inside(x):
                return 0.0 < x < 1.0  # error: [traced-bool-op]

            @jax.jit
            def clipped(x):
                return max(x, 0.0)  # error: [traced-bool-op]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def inside(x):
                return (0.0 < x) & (x < 1.0)

            @jax.jit
            def clipped(x):
                return jnp.maximum(x, 0.0)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def f(x, mask=None):
                use_mask = mask is not None and x.ndim == 2
                return x * max(x.shape) if use_mask else abs(x)
            """
        ),
    ),
)

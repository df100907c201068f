"""Drops the result of a function that changes nothing.

## Why is this bad?

JAX's arrays, keys, optimiser states and transformed functions are values: what looks like an update returns a
new one and leaves the old one as it is. Without an assignment the statement does nothing, silently. `x.at[0].set(1.0)`
does not change `x`, `jax.random.split(key)` does not advance `key`, `jax.jit(step)` does not compile `step`,
and `y.block_until_ready` without parentheses does not wait.

## Fix safety

Unsafe: the statement begins to have the effect that it was written for.

## Limits

What may be called for its side effects is not reported: `jax.tree.map` with a function of which more is known
than that it computes, optimisers of Flax NNX, methods of objects that are not known. A function of
`jax.numpy` whose result is dropped is reported in traced code, where not even an error check remains of it.
The last expression of a notebook's cell is shown, and expressions at the top level of notebooks are not reported.
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
from jaxsight_analyzers.semantic.purity_streams import Dropped

_CELLS = ("\n# %%", "\n# jupyter:\n")


def check(unit: Unit) -> Iterator[Finding]:
    for number, dropped in enumerate(unit.dropped_results):
        if dropped.at_top and _is_notebook(unit):
            continue
        yield Finding(
            span=dropped.span,
            message=_message(unit, dropped),
            certainty=dropped.certainty,
            fixes=_fixes(unit, dropped, number),
        )


def _is_notebook(unit: Unit) -> bool:
    """Whether the last expression of a cell is shown, also where the cells are kept as a Python file."""
    source = unit.whole.source
    return source.path.endswith(".ipynb") or any(mark in source.text for mark in _CELLS)


def _message(unit: Unit, dropped: Dropped) -> str:
    target = edits.source(unit, dropped.target)
    if isinstance(dropped.node, ast.Attribute):
        return f"`{target}{dropped.what}` is not called, so that nothing waits for `{target}`"
    function = edits.source(unit, dropped.node.func)
    if _is_update(dropped.node):
        function = f"{target}.at[...]{dropped.what}"
    elif "\n" in function:
        function = dropped.what.lstrip(".")
    may = "may leave" if dropped.certainty is Certainty.MAYBE else "leaves"
    return f"`{function}(...)` {may} `{target}` as it is, and what it returns is dropped"


def _is_update(call: ast.Call) -> bool:
    base = call.func.value if isinstance(call.func, ast.Attribute) else None
    inner = base.value if isinstance(base, ast.Subscript) else None
    return isinstance(inner, ast.Attribute) and inner.attr == "at"


def _fixes(unit: Unit, dropped: Dropped, number: int) -> tuple[FixRef, ...]:
    target = edits.source(unit, dropped.target)
    if isinstance(dropped.node, ast.Attribute):
        return (FixRef("call-it", "Call the method", Applicability.UNSAFE, number),)
    if _assignment(unit, dropped) is None:
        return ()
    return (FixRef("assign-result", f"Assign to `{target}`", Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    dropped = unit.dropped_results[reference.data]
    if reference.kind == "call-it":
        edit = Edit(Span(dropped.span.end, dropped.span.end), "()")
    else:
        text = _assignment(unit, dropped)
        if text is None:
            return None
        edit = Edit(Span(dropped.span.start, dropped.span.start), text)
    return Fix(reference.title, (edit,), reference.applicability)


def _assignment(unit: Unit, dropped: Dropped) -> str | None:
    """What to write before the statement; None where there is nothing to assign to."""
    if not dropped.assignable:
        return None
    target = edits.source(unit, dropped.target)
    if dropped.what == "jax.random.split":
        assert isinstance(dropped.node, ast.Call)
        several = len(dropped.node.args) + len(dropped.node.keywords) > 1
        return f"{target}, *_ = " if several else f"{target}, _ = "
    if dropped.what == ".update":
        updates = edits.fresh_name(unit, "updates")
        return f"{updates}, {target} = "
    return f"{target} = "


RULE = Rule(
    name="discarded-functional-update",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            def f(x):
                x.at[0].set(5.0)  # error: [discarded-functional-update]
                return x
            """,
            fixed="""
            import jax.numpy as jnp

            def f(x):
                x = x.at[0].set(5.0)
                return x
            """,
        ),
        Example(
            """
            import jax

            def f(x):
                jax.block_until_ready(x)
                return x.at[0].set(5.0)
            """
        ),
    ),
)

"""Wraps a function by `chex.chexify` and never waits for what its assertions say.

## Why is this bad?

By default the assertions of a function under `chexify` are looked at later: the call returns, and a failed one raises in a later call, in
`chex.block_until_chexify_assertions_complete()`, or never. A script then ends with NaNs and a line in the log: `[Chex] Some of chexify assertion statuses were not inspected due to async exec`.

## Fix safety

Unsafe: with `async_check=False` each call waits for its result, which takes longer, and failures raise where they happen.

## Limits

Silent where the file speaks of `block_until_chexify_assertions_complete` or `wait_checks`. Others may wait for the function: so it is "may".
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
from jaxsight_analyzers.semantic.streams import Reference

_NAMES = ("chex.chexify", "chex.with_jittable_assertions")
_WAITS = re.compile(r"block_until_chexify_assertions_complete|wait_checks")


def check(unit: Unit) -> Iterator[Finding]:
    for number, reference in enumerate(unit.references):
        if (
            reference.kind == "import"
            or reference.qualified not in _NAMES
            or _waits(unit, reference)
        ):
            continue
        if _WAITS.search(unit.whole.analysed.text):
            return
        title = "Check at once: `async_check=False`"
        yield Finding(
            span=reference.span,
            message="`chexify` looks at assertions later, and nothing in this file waits for it: a failed one may never be seen",
            certainty=Certainty.MAYBE,
            fixes=(FixRef("check-at-once", title, Applicability.UNSAFE, number),),
        )


def _waits(unit: Unit, reference: Reference) -> bool:
    """Whether it is given an `async_check`, here or through `partial`."""
    call = _call_of(unit, reference)
    return call is not None and any(one.arg in ("async_check", None) for one in call.keywords)


def _call_of(unit: Unit, reference: Reference) -> ast.Call | None:
    """The call of it, or of `partial` with it."""
    for call in unit.calls:
        node = call.node
        partial = (
            call.qualified == "functools.partial" and node.args and node.args[0] is reference.node
        )
        if node.func is reference.node or partial:
            return node
    return None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    used = unit.references[reference.data]
    call = _call_of(unit, used)
    if call is not None:
        edit = edits.add_keyword(unit, call, "async_check=False")
        return Fix(reference.title, (edit,), reference.applicability)
    partial = edits.spell(unit, "functools.partial")
    text = f"{partial.text}({used.text}, async_check=False)"
    return Fix(reference.title, (Edit(used.span, text), *partial.edits), reference.applicability)


RULE = Rule(
    name="chexify-async-not-awaited",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import chex
            import jax

            def step(x):
                chex.assert_tree_all_finite(x)
                return 2 * x

            checked = chex.chexify(jax.jit(step))  # error: [chexify-async-not-awaited]
            """,
            fixed="""
            import chex
            import jax

            def step(x):
                chex.assert_tree_all_finite(x)
                return 2 * x

            checked = chex.chexify(jax.jit(step), async_check=False)
            """,
        ),
        Example(
            """
            import chex
            import jax

            def step(x):
                chex.assert_tree_all_finite(x)
                return 2 * x

            checked = chex.chexify(jax.jit(step))
            y = checked(1.0)
            chex.block_until_chexify_assertions_complete()
            """
        ),
    ),
)

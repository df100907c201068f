"""Checks a traced value with `assert`, or with `if` and `raise`.

## Why is this bad?

The check asks for the truth of a value. While `jax.jit`, `jax.vmap` and their kin trace a function its arrays
have no values, and in place of checking JAX raises `TracerBoolConversionError: Attempted boolean conversion of
traced array with shape bool[]`.

`jax.experimental.checkify` checks values on the device: `checkify.check(ok, "message")` in the function, and
`checkify.checkify(function)` where it is called, which returns an error beside the result.

## Fix safety

`checkify.check` is only a suggestion: the function must be wrapped where it is called, as in
`error, y = jax.jit(checkify.checkify(f))(x)`, and `error.throw()` raises what was found. To remove the check is
unsafe: nothing is checked any more.

## Limits

Checks of what is static while tracing are good practice and not reported: of shapes, dtypes, types and
None. Under `jax.grad` alone tracers have values, and nothing is reported.
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
from jaxsight_analyzers.semantic.streams import Branch


def check(unit: Unit) -> Iterator[Finding]:
    for number, branch in enumerate(unit.branches):
        if branch.given is not None or branch.kind not in ("assert", "raise"):
            continue
        is_sure = branch.traced is Certainty.YES
        verb, fails = ("is", "fails") if is_sure else ("may be", "then fails")
        yield Finding(
            span=branch.span,
            message=f"`{branch.test}` {verb} traced by `{branch.function}`, so this check {fails} before it checks",
            certainty=branch.traced,
            related=branch.related,
            fixes=_fixes(unit, branch, number),
        )


def _fixes(unit: Unit, branch: Branch, number: int) -> tuple[FixRef, ...]:
    if _place(unit, branch) is None:
        return ()
    title = "Remove the assertion" if branch.kind == "assert" else "Remove the check"
    removal = FixRef("remove-check", title, Applicability.UNSAFE, number)
    if _condition(unit, branch) is None:
        return (removal,)
    use = FixRef("use-checkify", "Use `checkify.check`", Applicability.DISPLAY, number)
    return (removal, use)


def _place(unit: Unit, branch: Branch) -> edits.Place | None:
    """The statement, where it stands on lines of its own and nothing hangs on it: no `elif`, no comment."""
    place = edits.place_at(unit, unit.model.module.span(branch.node).start)
    if place is None or place.node is not branch.node:
        return None
    written = edits.text(unit, place.span)
    alone = edits.starts_its_line(unit, place.span) and edits.ends_its_line(unit, place.span)
    return None if written.startswith("elif") or "#" in written or not alone else place


def _condition(unit: Unit, branch: Branch) -> truths.Written | None:
    """What must hold, as one array."""
    if branch.kind == "assert":
        return truths.written(unit, branch.asked)
    return truths.negated(unit, branch.asked)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    branch = unit.branches[reference.data]
    place = _place(unit, branch)
    if place is None:
        return None
    if reference.kind == "remove-check":
        changes = (edits.remove(unit, place),)
    else:
        condition = _condition(unit, branch)
        if condition is None:
            return None
        function = _checkify(unit)
        call = f"{function.text}({condition.text}, {_message(unit, branch)})"
        changes = (Edit(place.span, call), *condition.edits, *function.edits)
    return Fix(reference.title, changes, reference.applicability)


def _checkify(unit: Unit) -> edits.Spelling:
    imported = unit.import_names.get("jax.experimental.checkify")
    if imported is not None:
        return edits.Spelling(f"{imported}.check")
    statement = "from jax.experimental import checkify"
    return edits.Spelling("checkify.check", (edits.add_import(unit, statement),))


def _message(unit: Unit, branch: Branch) -> str:
    """What the check says, where that is a text without placeholders; else what it tests."""
    node, said = branch.node, None
    if isinstance(node, ast.Assert):
        said = node.msg
    elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
        raised = node.body[-1].exc
        said = raised.args[0] if isinstance(raised, ast.Call) and raised.args else None
    if isinstance(said, ast.Constant) and isinstance(said.value, str) and "{" not in said.value:
        return edits.source(unit, said)
    fails = "does not hold" if branch.kind == "assert" else "holds"
    quoted = branch.test.replace("{", "{{").replace("}", "}}")
    return repr(f"{' '.join(quoted.split())} {fails}")


RULE = Rule(
    name="traced-assert",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("traced-assert-raise",),
    errors=("TracerBoolConversionError: Attempted boolean conversion of traced array with shape",),
    raising=r"^\s*assert\b",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def log_of(x):
                assert jnp.all(x > 0), "x must be positive"  # error: [traced-assert]
                return jnp.log(x)
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def log_of(x):
                return jnp.log(x)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def step(x, mask=None):
                assert x.ndim == 2 and mask is None
                if x.shape[0] > 3:
                    raise ValueError(f"at most three, not {x.shape[0]}")
                return x
            """
        ),
    ),
)

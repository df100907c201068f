"""Names a static or donated argument that the function does not have.

## Why is this bad?

`jax.jit` raises where it is applied: `ValueError: Jitted function has invalid argnames {'m'} in static_argnames.
Function does not take these args`, `Jitted function has static_argnums=(2,), but only accepts 2 positional
arguments`, or `static_argnames and donate_argnames cannot intersect`. Releases before 0.4.27 ignored the mistake, and the
argument was traced, or kept.

## Fix safety

Safe where one parameter's name differs from what is written in a letter or two. To drop the donation of an argument that is
static is safe too: what is static has no buffer.

## Limits

Functions with `*args` or `**kwargs` may take anything. Where a decorator that is not known stands between the
function and `jax.jit`, nothing is reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Misnamed


def check(unit: Unit) -> Iterator[Finding]:
    if unit.version("jax") is not None and not unit.is_at_least("jax", "0.4.27"):
        return
    for number, misnamed in enumerate(unit.misnamed):
        fixes: tuple[FixRef, ...] = ()
        meant = _meant(misnamed)
        if meant is not None:
            fixes = (FixRef("use-name", f"Name `{meant}`", Applicability.SAFE, number),)
        elif misnamed.problem == "both" and edits.without_keyword(unit, *_keyword(misnamed)):
            fixes = (FixRef("drop-donation", "Drop the donation", Applicability.SAFE, number),)
        yield Finding(span=misnamed.span, message=_message(misnamed), fixes=fixes)


def _message(misnamed: Misnamed) -> str:
    function, by = misnamed.function, misnamed.by
    if misnamed.problem == "name":
        name = ast.literal_eval(misnamed.text)
        return f"`{function}` has no parameter `{name}`, so `{by}` refuses `{misnamed.keyword}`"
    if misnamed.problem == "both":
        (name,) = misnamed.names
        return f"`{name}` of `{function}` is static, so `{by}` refuses to donate it"
    some = "parameter" if misnamed.positional == 1 else "parameters"
    return (
        f"`{function}` has {misnamed.positional or 'no'} positional {some}, "
        f"so `{by}` refuses `{misnamed.keyword}` {misnamed.text}"
    )


def _meant(misnamed: Misnamed) -> str | None:
    """The one parameter that a misspelt name is nearly equal to."""
    if misnamed.problem != "name":
        return None
    from difflib import get_close_matches  # few files have such a mistake

    written = str(ast.literal_eval(misnamed.text))
    close = get_close_matches(written, misnamed.names, n=2, cutoff=0.75)
    return close[0] if len(close) == 1 and misnamed.text[-1:] in "\"'" else None


def _keyword(misnamed: Misnamed) -> tuple[ast.Call, str]:
    return misnamed.call, misnamed.keyword


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    misnamed = unit.misnamed[reference.data]
    if reference.kind == "drop-donation":
        edit = edits.without_keyword(unit, *_keyword(misnamed))
    else:
        meant, quote = _meant(misnamed), misnamed.text[-1]
        edit = None if meant is None else Edit(misnamed.span, f"{quote}{meant}{quote}")
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="invalid-static-or-donate-name",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Jitted function has invalid argnames",
        "ValueError: static_argnames and donate_argnames cannot intersect",
    ),
    examples=(
        Example(
            """
            import jax

            def power(x, exponent):
                return x**exponent

            power = jax.jit(power, static_argnames="exponnet")  # error: [invalid-static-or-donate-name]
            """,
            fixed="""
            import jax

            def power(x, exponent):
                return x**exponent

            power = jax.jit(power, static_argnames="exponent")
            """,
        ),
        Example(
            """
            import jax

            def call(f, *args, **kwargs):
                return f(*args, **kwargs)

            call = jax.jit(call, static_argnums=(0, 2), static_argnames="axis")
            """
        ),
    ),
)

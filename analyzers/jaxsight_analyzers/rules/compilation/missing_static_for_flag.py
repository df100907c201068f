"""Decides in Python by an argument that callers pass as a bool, a number or a string, but that is not static.

## Why is this bad?

`jax.jit` traces every argument that is not static, a `True` or a `3` too. Inside the function it is a stand-in
without a value, so `if train:` raises `TracerBoolConversionError`, and `range(n)` raises
`TracerIntegerConversionError`. A string, an enum member or a function cannot be traced at all: the call raises
`TypeError: Error interpreting argument to <function ...> as an abstract array`.

A static argument is an ordinary Python value in the function. JAX compiles once for each value of it.

## Fix safety

Safe for flags and for what cannot be traced: the code cannot have worked, and a static argument is what
its callers mean. For an integer it is unsafe: `jax.lax.fori_loop` and `jnp.where` take traced ones, and each new
value of a static one is compiled anew.

## Limits

Calls count that the analysis sees, and the annotations `bool` and `int`. Where some call passes an array, other
rules report what fails on it. A default that no caller passes stays an ordinary value, and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import static_arguments
from jaxsight_analyzers.fixes.static_arguments import Parameter
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Passed
from jaxsight_analyzers.semantic.control_flow_streams import Asked
from jaxsight_analyzers.semantic.streams import Branch

_UNTRACEABLE = {
    "str": "a string",
    "bytes": "a byte string",
    "enum": "a member of an enum",
    "function": "a function",
    "class": "a class",
    "module": "a module",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, branch in enumerate(unit.branches):
        if branch.given is not None and branch.kind != "while":  # `lax.while_loop` counts, too
            yield _of_branch(unit, branch, number)
    for number, asked in enumerate(unit.indices):
        if asked.given is not None and asked.operation == "range":
            yield _of_range(unit, asked, number)
    for number, passed in enumerate(unit.passed):
        if passed.kind in _UNTRACEABLE and not passed.static:
            yield _of_passed(unit, passed, number)


def _of_branch(unit: Unit, branch: Branch, number: int) -> Finding:
    what = "it" if branch.origin == branch.test else f"`{branch.test}`"
    parameter = static_arguments.behind(unit, branch.related)
    fixes: tuple[FixRef, ...] = ()
    if parameter is not None:
        sure = branch.given == "bool" and branch.traced is Certainty.YES
        applicability = Applicability.SAFE if sure else Applicability.UNSAFE
        fixes = (FixRef("mark-static", parameter.title, applicability, number),)
    return Finding(
        span=branch.span,
        message=(
            f"`{branch.origin}` is passed as {_article(branch.given)} but is not static, "
            f"so `{branch.function}` traces it and Python cannot branch on {what}"
        ),
        certainty=branch.traced,
        related=branch.related,
        fixes=fixes,
    )


def _of_range(unit: Unit, asked: Asked, number: int) -> Finding:
    parameter = static_arguments.behind(unit, asked.related)
    fixes: tuple[FixRef, ...] = ()
    if parameter is not None:
        title = parameter.title
        fixes = (FixRef("mark-static-for-range", title, Applicability.UNSAFE, number),)
    name = asked.text if parameter is None else parameter.name
    return Finding(
        span=asked.span,
        message=(
            f"`{name}` is passed as {_article(asked.given)} but is not static, "
            f"so `{asked.function}` traces it and `range` cannot take it"
        ),
        certainty=asked.asked,
        related=asked.related,
        fixes=fixes,
    )


def _of_passed(unit: Unit, passed: Passed, number: int) -> Finding:
    parameter = static_arguments.of_call(unit, passed)
    fixes: tuple[FixRef, ...] = ()
    if parameter is not None:
        title = parameter.title
        fixes = (FixRef("mark-static-as-passed", title, Applicability.SAFE, number),)
    name = "it" if passed.parameter is None else f"`{passed.parameter}` of `{passed.called}`"
    return Finding(
        span=passed.span,
        message=(
            f"`{passed.text}` is {_UNTRACEABLE[passed.kind]}, which `{passed.by}` cannot trace, "
            f"so {name} has to be static"
        ),
        related=passed.related,
        fixes=fixes,
    )


def _article(given: str | None) -> str:
    return "an `int`" if given == "int" else f"a `{given}`"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    parameter = _parameter(unit, reference)
    if parameter is None:
        return None
    edited = static_arguments.mark(unit, parameter)
    return Fix(reference.title, edited, reference.applicability)


def _parameter(unit: Unit, reference: FixRef) -> Parameter | None:
    if reference.kind == "mark-static-as-passed":
        return static_arguments.of_call(unit, unit.passed[reference.data])
    if reference.kind == "mark-static":
        return static_arguments.behind(unit, unit.branches[reference.data].related)
    return static_arguments.behind(unit, unit.indices[reference.data].related)


RULE = Rule(
    name="missing-static-for-flag",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TracerBoolConversionError: This concrete value was not available in Python because it depends on the value of the argument",
        "TracerIntegerConversionError: This concrete value was not available in Python because it depends on the value of the argument",
        "TypeError: Error interpreting argument to ... as an abstract array. The problematic value is of type <class 'str'>",
    ),
    examples=(
        Example(
            """
            from functools import partial

            import jax
            import jax.numpy as jnp

            @jax.jit
            def net(x, train):
                return x * 0.5 if train else x  # error: [missing-static-for-flag]

            net(jnp.ones(3), True)
            """,
            fixed="""
            from functools import partial

            import jax
            import jax.numpy as jnp

            @partial(jax.jit, static_argnames="train")
            def net(x, train):
                return x * 0.5 if train else x

            net(jnp.ones(3), True)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def net(x, train=False):
                return x * 0.5 if train else x

            net(jnp.ones(3))
            """
        ),
    ),
)

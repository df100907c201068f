"""Appends to a list from the body of a loop of JAX.

## Why is this bad?

`jax.lax.scan`, `jax.lax.fori_loop`, `jax.vmap` and their kin run the Python of a body once, while they trace it. So a list outside of it
gets one item, and that is a tracer: what uses it afterwards raises `UnexpectedTracerError: Encountered
an unexpected tracer. A function transformed by JAX had a side effect, allowing for a reference to an
intermediate value to escape`.

What each step of `jax.lax.scan` returns beside the carry comes back stacked: `return carry, y`.
What a function under `jax.vmap` or `jax.lax.map` returns comes back stacked, too.

## Fix safety

Unsafe: the list becomes an array with one item for each step. Offered where the body of a `scan` appends right before it
returns `carry, None`, and where the list is only stacked afterwards.

## Limits

A list that the traced function itself makes, fills and uses is fine. Other objects that keep a tracer are
reported by `leaked-tracer`.
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
from jaxsight_analyzers.fixes import edits, filled_lists
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect


def check(unit: Unit) -> Iterator[Finding]:
    for number, effect in enumerate(unit.effects):
        certainty = min(effect.value, effect.certainty)
        if certainty is Certainty.NO or not _gathers(unit, effect):
            continue
        gets = "gets" if certainty is Certainty.YES else "may get"
        yield Finding(
            span=effect.span,
            message=(
                f"`{effect.name}` {gets} one tracer and not an item for each step, because `{effect.function}` "
                f"runs `{effect.enclosing}` once, and what uses it then raises `UnexpectedTracerError`"
            ),
            certainty=certainty,
            related=effect.related,
            fixes=_fixes(unit, effect, number),
        )


def _gathers(unit: Unit, effect: Effect) -> bool:
    """Whether it fills a list of the enclosing function from a body that JAX traces once and runs often."""
    if effect.kind != "write" or not effect.traced or effect.legitimate or effect.copied:
        return False
    if not isinstance(effect.node, ast.Call) or effect.category != "nonlocal":
        return False
    facts = unit.knowledge.function(effect.function)
    return facts is not None and (facts.name == "jax.vmap" or bool(facts.body))


def _fixes(unit: Unit, effect: Effect, number: int) -> tuple[FixRef, ...]:
    if _returned(unit, effect) is None:
        return ()
    title = "Return it beside the carry, and let `jax.lax.scan` stack it"
    return (FixRef("return-ys", title, Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = _returned(unit, unit.effects[reference.data])
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _returned(unit: Unit, effect: Effect) -> tuple[Edit, ...] | None:
    """The edits after which the body of a `scan` returns what it appended; None where it is used for more."""
    places = edits.places_at(unit, effect.span.start)
    if effect.function != "jax.lax.scan" or len(places) < 2:
        return None
    append, body = places[-1], places[-2]
    name = filled_lists.appended_to(append.node)
    call = None if name is None else _only_scan(unit, body)
    result = _only_return(body)
    if name is None or call is None or result is None or append.next is not result:
        return None
    if not filled_lists.is_alone(unit, append):
        return None
    found = filled_lists.filled(unit, body, append.node, name)
    taken = None if found is None else _taken(unit, call, found.name)
    if found is None or taken is None or not isinstance(result.value, ast.Tuple):
        return None
    span = unit.model.module.span
    value = Edit(span(result.value.elts[1]), edits.as_argument(unit, found.value))
    gone = Edit(filled_lists.line_of(unit, append.span), "")
    return (gone, value, taken, *found.without(unit))


def _only_scan(unit: Unit, body: edits.Place) -> ast.Call | None:
    """The call of `scan` that runs a function, if the function is used for nothing else."""
    if not isinstance(body.node, ast.FunctionDef):
        return None
    name = body.node.name
    nodes = [node for statement in body.block for node in ast.walk(statement)]
    found = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    for _, call in unit.calls_of(("jax.lax.scan",)):
        if call.arguments and [call.arguments[0].node] == found:
            return call.node
    return None


def _only_return(body: edits.Place) -> ast.Return | None:
    """The one `return carry, None` of a function, as its last statement."""
    assert isinstance(body.node, ast.FunctionDef)
    returns = [node for node in ast.walk(body.node) if isinstance(node, ast.Return)]
    last = body.node.body[-1]
    value = last.value if isinstance(last, ast.Return) and returns == [last] else None
    if not isinstance(value, ast.Tuple) or len(value.elts) != 2:
        return None
    second = value.elts[1]
    nothing = isinstance(second, ast.Constant) and second.value is None
    return last if nothing and isinstance(last, ast.Return) else None


def _taken(unit: Unit, call: ast.Call, name: str) -> Edit | None:
    """The edit that gives a name to what `scan` stacks."""
    place = edits.place_at(unit, unit.model.module.span(call).start)
    statement = None if place is None else place.node
    if isinstance(statement, ast.Expr) and statement.value is call:
        start = unit.model.module.span(call).start
        return Edit(Span(start, start), f"_, {name} = ")
    if not isinstance(statement, ast.Assign) or statement.value is not call:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2 or len(statement.targets) != 1:
        return None
    unused = isinstance(target.elts[1], ast.Name) and target.elts[1].id == "_"
    return Edit(unit.model.module.span(target.elts[1]), name) if unused else None


RULE = Rule(
    name="scan-append-side-list",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "UnexpectedTracerError: The function being traced when the value leaked was ... traced for scan",
    ),
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from jax import lax

            def run(xs):
                hist = []

                def body(c, x):
                    hist.append(c)  # error: [scan-append-side-list]
                    return c + x, None

                lax.scan(body, 0.0, xs)
                return jnp.stack(hist)
            """,
            fixed="""
            import jax.numpy as jnp
            from jax import lax

            def run(xs):

                def body(c, x):
                    return c + x, c

                _, hist = lax.scan(body, 0.0, xs)
                return hist
            """,
        ),
        Example(
            """
            from jax import lax

            def run(xs):
                def body(c, x):
                    return c + x, c

                _, hist = lax.scan(body, 0.0, xs)
                return hist
            """
        ),
    ),
)

"""Takes what `apply` returns with `mutable=` for the output alone, or drops the statistics in it.

## Why is this bad?

With `mutable=["batch_stats"]`, `model.apply` returns a pair: the output, and the collections as they are afterwards. Used as an array the
pair fails: `TypeError: mean requires ndarray or scalar arguments, got <class 'tuple'>`. Unpacked as `y, _` nothing fails,
but the running statistics stay what they were in `init`, so that the model is good while it trains and bad when it is
evaluated.

## Fix safety

Unsafe: the fix unpacks the pair; what becomes of the new statistics remains to be written.

## Limits

A pair is followed within a function. That statistics are dropped is said where the name begins with `_`, of modules that certainly update
them, and as "may": a call may be made for its output alone. Collections such as `intermediates` are not meant.
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
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import Pair


def check(unit: Unit) -> Iterator[Finding]:
    for number, pair in enumerate(unit.linen_pairs):
        if pair.names:
            name = _dropped_as(unit, pair)
            if name is not None:
                what = " and ".join(f"`{one}`" for one in pair.names)
                yield Finding(
                    span=pair.span,
                    message=f"`{pair.module}` updates {what} here, which may be lost: nothing takes them out of `{name}`",
                    certainty=Certainty.MAYBE,
                )
            continue
        fixes: tuple[FixRef, ...] = ()
        if _assignment(unit, pair) is not None:
            title = "Unpack the result of `apply`"
            fixes = (FixRef("unpack", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=pair.span,
            message=f"`{pair.text}` is a pair, the output and the updated collections, since `apply` got `mutable=`",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    pair = unit.linen_pairs[reference.data]
    assignment = _assignment(unit, pair)
    if assignment is None:
        return None
    span = unit.model.module.span(assignment.targets[0])
    target = edits.source(unit, assignment.targets[0])
    updates = edits.fresh_name(unit, "updates", span.start)
    return Fix(reference.title, (Edit(span, f"{target}, {updates}"),), reference.applicability)


def _assignment(unit: Unit, pair: Pair) -> ast.Assign | None:
    """The statement `y = model.apply(...)` that gives a name the pair; None where it is another one."""
    place = edits.place_at(unit, unit.model.module.span(pair.call).start)
    statement = None if place is None else place.node
    if not isinstance(statement, ast.Assign) or statement.value is not pair.call:
        return None
    only = len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    return statement if only else None


def _dropped_as(unit: Unit, pair: Pair) -> str | None:
    """The name of the updated collections in `y, _ = model.apply(...)`, where that says that nobody wants them."""
    place = edits.place_at(unit, unit.model.module.span(pair.call).start)
    statement = None if place is None else place.node
    if not isinstance(statement, ast.Assign) or statement.value is not pair.call:
        return None
    target = statement.targets[0]
    if not isinstance(target, (ast.Tuple, ast.List)) or len(target.elts) != 2:
        return None
    second = target.elts[1]
    is_unwanted = isinstance(second, ast.Name) and second.id.startswith("_")
    return second.id if is_unwanted and isinstance(second, ast.Name) else None


RULE = Rule(
    name="mutable-result-not-unpacked",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: mean requires ndarray or scalar arguments, got <class 'tuple'> at position 0",
    ),
    examples=(
        Example(
            """
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.BatchNorm(use_running_average=False)(x)

            def loss(variables, x):
                y = Net().apply(variables, x, mutable=["batch_stats"])
                return jnp.mean(y)  # error: [mutable-result-not-unpacked]
            """,
            fixed="""
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.BatchNorm(use_running_average=False)(x)

            def loss(variables, x):
                y, updates = Net().apply(variables, x, mutable=["batch_stats"])
                return jnp.mean(y)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.BatchNorm(use_running_average=False)(x)

            def loss(variables, x):
                y, updates = Net().apply(variables, x, mutable=["batch_stats"])
                return jnp.mean(y), updates
            """
        ),
    ),
)

"""Indexes with a boolean mask that JAX traces.

## Why is this bad?

`x[mask]` has as many elements as the mask has true values, and under `jax.jit` every shape must be known while
tracing: `NonConcreteBooleanIndexError: Array boolean indices must be concrete`.

Keep the shape and mask the values: `jnp.where(mask, x, 0)`, or give the mask to the reduction that follows,
as in `jnp.sum(x, where=mask)` and `jnp.mean(x, where=mask)`.

## Fix safety

Safe for a sum, mean, product, `any` or `all` of all elements whose mask is a comparison of the array itself: the
old code cannot have worked while traced. Otherwise unsafe: `jnp.where(mask, x, 0)` keeps the shape, with zeros
where the mask is false.

## Limits

An index counts as a mask where the text says so: a comparison, `&`, `|`, `~` of such, `jnp.isnan` and its kin, also
through a name, but not through the parameter of a function. Masks of NumPy and static ones are allowed by JAX, and
not reported, nor is `jax.grad` alone. `x.at[mask].set(value)` fails up to JAX 0.10.2 and is reported where the
project has such a release.
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
from jaxsight_analyzers.semantic.transfer_streams import Mask

_REDUCTIONS = ("sum", "mean", "prod", "any", "all", "std", "var")


_Reduction = tuple[ast.Call, str]
"""A call, and the name of the function."""


def check(unit: Unit) -> Iterator[Finding]:
    for number, mask in enumerate(unit.masks):
        update = _update(unit, mask)
        if _is_at(mask) and not _fails_at(unit):
            continue
        sure = mask.traced is Certainty.YES
        is_traced = "is" if sure else "may be"
        yield Finding(
            span=mask.span,
            message=(
                f"`{mask.text}` has as many elements as `{mask.mask}` has true values, and that mask {is_traced} "
                f"traced by `{mask.function}`"
            ),
            certainty=mask.traced,
            related=mask.related,
            fixes=_fixes(unit, mask, update, number),
        )


def _fixes(unit: Unit, mask: Mask, update: ast.Call | None, number: int) -> tuple[FixRef, ...]:
    if not mask.is_whole:
        return ()
    unsafe = Applicability.UNSAFE
    if _is_at(mask):
        return () if update is None else (FixRef("update", "Use `jnp.where`", unsafe, number),)
    keep = FixRef("use-where", f"Use `jnp.where({mask.mask}, {mask.base}, 0)`", unsafe, number)
    reduction = _reduction(unit, mask)
    if reduction is None:
        return (keep,)
    title = f"Use `jnp.{reduction[1]}(..., where=...)`"
    sure = mask.traced is Certainty.YES and _is_of_its_shape(mask)
    safe = Applicability.SAFE if sure else unsafe
    return (FixRef("reduce-where", title, safe, number),)


def _is_at(mask: Mask) -> bool:
    return isinstance(mask.node.value, ast.Attribute) and mask.node.value.attr == "at"


def _fails_at(unit: Unit) -> bool:
    """Whether the project's JAX has no updates under a mask while tracing; unknown counts as new."""
    return unit.version("jax") is not None and not unit.is_at_least("jax", "0.10.3")


def _update(unit: Unit, mask: Mask) -> ast.Call | None:
    """`x.at[mask].set(value)`, for the array or scalar `value`."""
    parents = edits.parents_of(unit, mask.node) if _is_at(mask) else []
    if len(parents) < 2:
        return None
    method, call = parents[:2]
    named = isinstance(method, ast.Attribute) and method.attr == "set"
    if named and isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords:
        return call
    return None


def _reduction(unit: Unit, mask: Mask) -> _Reduction | None:
    """`x[mask].sum()` or `jnp.sum(x[mask])`."""
    parents = edits.parents_of(unit, mask.node)
    first, second = (*parents, None, None)[:2]
    if isinstance(first, ast.Attribute) and isinstance(second, ast.Call):
        plain = second.func is first and not second.args and not second.keywords
        return (second, first.attr) if plain and first.attr in _REDUCTIONS else None
    if isinstance(first, ast.Call) and first.args == [mask.node] and not first.keywords:
        call = unit.call_at(first)
        module, _, name = ("" if call is None else call.canonical).rpartition(".")
        return (first, name) if module == "jax.numpy" and name in _REDUCTIONS else None
    return None


def _is_of_its_shape(mask: Mask) -> bool:
    """Whether the mask is a comparison of the array with a number: `x[x > 0]`."""
    node = mask.mask_node
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return False
    sides = (node.left, node.comparators[0])
    base = ast.dump(mask.node.value)
    same = [side for side in sides if ast.dump(side) == base]
    return len(same) == 1 and any(isinstance(side, (ast.Constant, ast.UnaryOp)) for side in sides)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    mask = unit.masks[reference.data]
    condition = edits.as_argument(unit, mask.mask_node)
    module = unit.model.module
    if reference.kind == "reduce-where":
        reduction = _reduction(unit, mask)
        if reduction is None:
            return None
        function = edits.spell(unit, f"jax.numpy.{reduction[1]}")
        text = f"{function.text}({mask.base}, where={condition})"
        edit = Edit(module.span(reduction[0]), text)
        return Fix(reference.title, (edit, *function.edits), reference.applicability)
    function = edits.spell(unit, "jax.numpy.where")
    if reference.kind == "update":
        update = _update(unit, mask)
        if update is None or not isinstance(mask.node.value, ast.Attribute):
            return None
        array = edits.source(unit, mask.node.value.value)
        text = f"{function.text}({condition}, {edits.as_argument(unit, update.args[0])}, {array})"
        edit = Edit(module.span(update), text)
    else:
        edit = Edit(mask.span, f"{function.text}({condition}, {mask.base}, 0)")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="boolean-mask-index",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("NonConcreteBooleanIndexError: Array boolean indices must be concrete",),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def positive(x):
                return x[x > 0].sum()  # error: [boolean-mask-index]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def positive(x):
                return jnp.sum(x, where=x > 0)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def positive(x, order):
                return jnp.where(x > 0, x, 0)[order]
            """
        ),
    ),
)

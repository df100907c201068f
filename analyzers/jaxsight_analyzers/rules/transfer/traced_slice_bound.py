"""Slices with a bound that JAX traces.

## Why is this bad?

The shape of `x[i:j]` is `j - i`, and shapes must be known while tracing: `IndexError: Array slice indices must
have static start/stop/step to be used with NumPy indexing syntax`. Python's lists and NumPy's arrays raise
`TracerIntegerConversionError` instead.

Where the length is fixed, `jax.lax.dynamic_slice_in_dim(x, start, length)` takes a traced start. Where it is not,
mask: `jnp.where(jnp.arange(x.shape[0]) < n, x, 0)` for `x[:n]`. Or mark the bound static: the function is then
compiled anew for each value.

## Fix safety

Unsafe: `dynamic_slice_in_dim` moves a window that reaches over the end back into the array, where slicing
would give a shorter result. To mark a parameter static, callers must pass a number for it.

## Limits

`x[i]` with a traced `i` works, and is not reported; nor are bounds that are static. Slices of references in
Pallas kernels are left to Pallas. Of what is sliced nothing may be known: then the finding is a warning.
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
from jaxsight_analyzers.fixes import edits, static_arguments
from jaxsight_analyzers.fixes.static_arguments import Parameter
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.transfer_streams import TracedSlice


def check(unit: Unit) -> Iterator[Finding]:
    for number, found in enumerate(unit.slices):
        sure = found.traced is Certainty.YES
        yield Finding(
            span=found.span,
            message=(
                f"a slice of `{found.base}` must know `{found.bound}` while tracing, but that "
                f"{'is' if sure else 'may be'} traced by `{found.function}`"
            ),
            certainty=found.traced,
            related=found.related,
            fixes=tuple(_fixes(unit, found, number)),
        )


def _fixes(unit: Unit, found: TracedSlice, number: int) -> Iterator[FixRef]:
    unsafe = Applicability.UNSAFE
    if _length(unit, found) is not None:
        if _is_update(found):
            yield FixRef("index-array", "Use an array of indices", unsafe, number)
        elif _axis(found) is not None:
            yield FixRef("dynamic-slice", "Use `lax.dynamic_slice_in_dim`", unsafe, number)
    parameter = _parameter(unit, found)
    if parameter is not None:
        yield FixRef("static", parameter.title, unsafe, number)


def _is_update(found: TracedSlice) -> bool:
    """Whether it is the index of `x.at[...]`."""
    return isinstance(found.node.value, ast.Attribute) and found.node.value.attr == "at"


def _axis(found: TracedSlice) -> int | None:
    """The axis that is sliced, where all others are taken as they are."""
    index = found.node.slice
    if index is found.part:
        return 0
    assert isinstance(index, ast.Tuple)
    others = [one for one in index.elts if one is not found.part]
    if all(_is_whole(one) for one in others):
        return next(i for i, one in enumerate(index.elts) if one is found.part)
    return None


def _is_whole(index: ast.expr) -> bool:
    return isinstance(index, ast.Slice) and index.lower is index.upper is index.step is None


def _length(unit: Unit, found: TracedSlice) -> str | None:
    """How long the slice is, where its bounds say so and that is static: `i : i + 3`."""
    lower, upper = found.part.lower, found.part.upper
    if lower is None or upper is None or found.part.step is not None:
        return None
    length = _difference(lower, upper)
    if length is None or not edits.names_in(length).isdisjoint(found.tracers):
        return None
    return edits.source(unit, length)


def _difference(lower: ast.expr, upper: ast.expr) -> ast.expr | None:
    start, stop = ast.dump(lower), ast.dump(upper)
    if isinstance(upper, ast.BinOp) and isinstance(upper.op, ast.Add):  # i : i + n
        for one, other in ((upper.left, upper.right), (upper.right, upper.left)):
            if ast.dump(one) == start:
                return other
    if not isinstance(lower, ast.BinOp):
        return None
    if isinstance(lower.op, ast.Sub) and ast.dump(lower.left) == stop:  # i - n : i
        return lower.right
    return _step(lower, upper) if isinstance(lower.op, ast.Mult) else None  # i * n : (i + 1) * n


def _step(lower: ast.BinOp, upper: ast.expr) -> ast.expr | None:
    if not isinstance(upper, ast.BinOp) or not isinstance(upper.op, ast.Mult):
        return None
    for number, size in ((lower.left, lower.right), (lower.right, lower.left)):
        for following, same in ((upper.left, upper.right), (upper.right, upper.left)):
            if ast.dump(same) == ast.dump(size) and _is_one_more(following, number):
                return size
    return None


def _is_one_more(following: ast.expr, number: ast.expr) -> bool:
    if not isinstance(following, ast.BinOp) or not isinstance(following.op, ast.Add):
        return False
    sides = {ast.dump(following.left), ast.dump(following.right)}
    return sides == {ast.dump(number), ast.dump(ast.Constant(1))}


_PLAIN = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp)


def _parameter(unit: Unit, found: TracedSlice) -> Parameter | None:
    """The parameter that is the bound, or that it is computed from as a number."""
    inner = [node for node in ast.walk(found.bound_node) if isinstance(node, ast.expr)]
    if not all(isinstance(node, _PLAIN) for node in inner) or len(found.tracers) != 1:
        return None
    parameter = static_arguments.behind(unit, found.related)
    return parameter if parameter is not None and parameter.name in found.tracers else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = unit.slices[reference.data]
    if reference.kind == "static":
        parameter = _parameter(unit, found)
        if parameter is None:
            return None
        return Fix(reference.title, static_arguments.mark(unit, parameter), reference.applicability)
    length = _length(unit, found)
    if length is None or found.part.lower is None:
        return None
    if reference.kind == "index-array":
        arange = edits.spell(unit, "jax.numpy.arange")
        start = edits.as_operand(unit, found.part.lower)
        edit = Edit(found.span, f"{start} + {arange.text}({length})")
        return Fix(reference.title, (edit, *arange.edits), reference.applicability)
    function = edits.spell(unit, "jax.lax.dynamic_slice_in_dim")
    axis = _axis(found)
    rest = f", axis={axis}" if axis else ""
    start = edits.as_argument(unit, found.part.lower)
    edit = Edit(
        unit.model.module.span(found.node),
        f"{function.text}({found.base}, {start}, {length}{rest})",
    )
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="traced-slice-bound",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "IndexError: Slice entries must be static integers",
        "IndexError: Array slice indices must have static start/stop/step to be used with NumPy indexing syntax",
        "TracerIntegerConversionError: The __index__() method was called on traced array",
    ),
    raising=r"\[.*:.*\]",
    examples=(
        Example(
            """
            import jax
            from jax import lax

            @jax.jit
            def window(x, i):
                return x[i:i + 3]  # error: [traced-slice-bound]
            """,
            fixed="""
            import jax
            from jax import lax

            @jax.jit
            def window(x, i):
                return lax.dynamic_slice_in_dim(x, i, 3)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def halves(x, i):
                n = x.shape[0] // 2
                return x[:n] * x[i], x[n:]
            """
        ),
    ),
)

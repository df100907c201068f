"""Makes a mesh without saying of which type its axes are.

## Why is this bad?

Since JAX 0.9 `jax.make_mesh` makes axes of type `Explicit`, before it was `Auto`: the same line means something
else. With `Explicit` axes the sharding is part of an array's type, operations whose result has no clear
sharding raise `ShardingTypeError`, and `jax.shard_map` raises `ValueError` on an input that is sharded
otherwise than its `in_specs` say. From 0.8.1 on JAX announced that: `The default axis_types will change
in JAX v0.9.0 to jax.sharding.AxisType.Explicit`.

## Fix safety

Unsafe: `Auto` is what the line meant before JAX 0.9; where the code was written for 0.9 or later, `Explicit` is.

## Limits

Reported where the project is known to have JAX 0.8.1 or later. `jax.sharding.Mesh` makes `Auto` axes in all
releases and is not reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call


def check(unit: Unit) -> Iterator[Finding]:
    if not unit.is_at_least("jax", "0.8.1"):
        return
    changed = unit.is_at_least("jax", "0.9")
    says = (
        "are `Explicit` since JAX 0.9, before they were"
        if changed
        else "will be `Explicit` in JAX 0.9, and are"
    )
    for number, call in unit.calls_of(("jax.make_mesh",)):
        if call.guarded or _says_types(call):
            continue
        fixes: tuple[FixRef, ...] = ()
        if _axes(call) is not None:
            auto, explicit = "Make the axes `Auto`, as before JAX 0.9", "Make the axes `Explicit`"
            fixes = (
                FixRef("auto-axes", auto, Applicability.UNSAFE, number),
                FixRef("explicit-axes", explicit, Applicability.UNSAFE, number),
            )
        yield Finding(
            span=call.function_span,
            message=f"`{call.name}` is not told the types of its axes, which {says} `Auto`",
            fixes=fixes,
        )


def _says_types(call: Call) -> bool:
    hides = any(argument.is_starred for argument in call.arguments)
    hides = hides or _has_stars(call.node.args)
    hides = hides or any(keyword.arg is None for keyword in call.node.keywords)
    return hides or any(argument.parameter == "axis_types" for argument in call.arguments)


def _has_stars(nodes: list[ast.expr]) -> bool:
    return any(isinstance(one, ast.Starred) for one in nodes)


def _axes(call: Call) -> ast.expr | None:
    """Where the names of the axes are written, or their sizes, if only these are."""
    given = {argument.parameter: argument.node for argument in call.arguments}
    written = [given.get(name) for name in ("axis_names", "axis_sizes", "axis_shapes")]
    present = [node for node in written if node is not None]
    return next((n for n in present if isinstance(n, (ast.Tuple, ast.List))), None) or next(
        (n for n in present if isinstance(n, (ast.Name, ast.Attribute))), None
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    axes = _axes(call)
    if axes is None:
        return None
    kind = "Auto" if reference.kind == "auto-axes" else "Explicit"
    axis_type = edits.spell(unit, "jax.sharding.AxisType")
    one = f"{axis_type.text}.{kind}"
    count = f"len({edits.source(unit, axes)})"
    if isinstance(axes, (ast.Tuple, ast.List)) and not _has_stars(axes.elts):
        count = str(len(axes.elts))
    types = f"({one},)" if count == "1" else f"({one},) * {count}"
    edit = edits.add_keyword(unit, call.node, f"axis_types={types}")
    return Fix(reference.title, (edit, *axis_type.edits), reference.applicability)


RULE = Rule(
    name="make-mesh-axis-types-implicit",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            mesh = jax.make_mesh((4, 2), ("data", "model"))  # error: [make-mesh-axis-types-implicit]
            """,
            fixed="""
            import jax

            mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
            """,
            versions=(("jax", "0.10.2"),),
        ),
        Example(
            """
            import jax

            mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
            """,
            versions=(("jax", "0.10.2"),),
        ),
    ),
)

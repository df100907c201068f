"""Enters a mesh with `with mesh:`.

## Why is this bad?

Since JAX 0.10.1 that warns: ``DeprecationWarning: `with mesh:` context manager has been deprecated. Please use `with
jax.set_mesh(mesh):` instead``, and it will go. It only ever told functions such as `with_sharding_constraint` and
`xmap` of the mesh; `jax.set_mesh` tells the whole of JAX.

## Fix safety

Unsafe: `jax.set_mesh` sets the mesh of arrays' types, too. With axes of type `Explicit` operations may then ask for the
sharding of their results.

## Limits

Reported where the project is known to have JAX 0.10.1 or later, and where the mesh is made by `Mesh(...)` or
`jax.make_mesh(...)` in sight: not one that is passed as a parameter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Tag
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.mesh_streams import MeshEntered


def check(unit: Unit) -> Iterator[Finding]:
    if not unit.is_at_least("jax", "0.10.1"):
        return
    for number, entered in enumerate(unit.meshes_entered):
        fixes: tuple[FixRef, ...] = ()
        if not entered.bound:
            title = "Use `jax.set_mesh`"
            fixes = (FixRef("use-set-mesh", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=entered.span,
            message=f"`with {_short(entered)}:` is deprecated since JAX 0.10.1; `jax.set_mesh` takes its place",
            fixes=fixes,
            tag=Tag.DEPRECATED,
        )


def _short(entered: MeshEntered) -> str:
    if isinstance(entered.node, ast.Call):
        return f"{entered.text.partition('(')[0]}(...)"
    return entered.text


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    entered = unit.meshes_entered[reference.data]
    function = edits.spell(unit, "jax.set_mesh")
    edit = Edit(entered.span, f"{function.text}({edits.as_argument(unit, entered.node)})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="mesh-context-manager",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import numpy as np
            from jax.sharding import Mesh

            mesh = Mesh(np.array(jax.devices()), ("data",))
            with mesh:  # error: [mesh-context-manager]
                pass
            """,
            fixed="""
            import jax
            import numpy as np
            from jax.sharding import Mesh

            mesh = Mesh(np.array(jax.devices()), ("data",))
            with jax.set_mesh(mesh):
                pass
            """,
            versions=(("jax", "0.10.2"),),
        ),
        Example(
            """
            import jax
            import numpy as np
            from jax.sharding import Mesh

            mesh = Mesh(np.array(jax.devices()), ("data",))
            with jax.set_mesh(mesh):
                pass
            """,
            versions=(("jax", "0.10.2"),),
        ),
    ),
)

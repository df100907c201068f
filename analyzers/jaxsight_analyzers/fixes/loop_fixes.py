"""Fixes that write a Python loop as a loop of JAX."""

from __future__ import annotations

from jaxsight_analyzers.diagnostic import Applicability, Edit, Fix, FixRef
from jaxsight_analyzers.fixes import edits, loop_plans
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.loop_streams import Loop

_OFFERS = {  # by the kind of the plan
    "fori": ("use-fori-loop", "Use `jax.lax.fori_loop`"),
    "scan": ("use-scan", "Use `jax.lax.scan`"),
    "vmap": ("use-vmap", "Use `jax.vmap`"),
}


def offered(unit: Unit, loop: Loop, number: int) -> tuple[FixRef, ...]:
    """The fix for a loop, if there is one."""
    plan = loop_plans.of_statement(unit, loop)
    if plan is None and loop_plans.of_comprehension(unit, loop) is None:
        return ()
    kind, title = _OFFERS["vmap" if plan is None else plan.kind]
    return (FixRef(kind, title, Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    """The edits of such a fix."""
    loop = unit.loops[reference.data]
    if reference.kind == "use-vmap" and (mapped := loop_plans.of_comprehension(unit, loop)):
        vmap = edits.spell(unit, "jax.vmap")
        edit = Edit(mapped.span, f"{vmap.text}({mapped.function})({mapped.items})")
        return Fix(reference.title, (edit, *vmap.edits), reference.applicability)
    plan = loop_plans.of_statement(unit, loop)
    if plan is None:
        return None
    from jaxsight_analyzers.rewrites import loops

    edited = loops.rewritten(unit, plan)
    return None if edited is None else Fix(reference.title, edited, reference.applicability)

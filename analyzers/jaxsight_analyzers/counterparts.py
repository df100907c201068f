"""Fixes that call JAX's function instead of one of NumPy, SciPy or Python."""

from __future__ import annotations

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import Applicability, Certainty, Edit, Fix, FixRef
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call


def offered(call: Call) -> tuple[str, Applicability] | None:
    """The title of the fix for a call, which is safe where JAX's function understands its arguments alike."""
    counterpart = call.facts.counterpart if call.facts is not None else None
    if counterpart is None or any(argument.is_starred for argument in call.arguments):
        return None
    keywords = frozenset(a.parameter or "" for a in call.arguments if a.is_keyword)
    positional = sum(1 for argument in call.arguments if not argument.is_keyword)
    accepts = counterpart.accepts(positional, keywords)
    sure = accepts and counterpart.is_same and call.traced is Certainty.YES
    applicability = Applicability.SAFE if sure else Applicability.UNSAFE
    name = counterpart.name.replace("jax.numpy.", "jnp.")
    return f"Use `{name}`", applicability


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    """The edits of such a fix."""
    call = unit.calls[reference.data]
    if call.facts is None or call.facts.counterpart is None:
        return None
    function = edits.spell(unit, call.facts.counterpart.name)
    edit = Edit(call.function_span, function.text)
    return Fix(reference.title, (edit, *function.edits), reference.applicability)

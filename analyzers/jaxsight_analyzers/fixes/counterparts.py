"""Functions of NumPy, SciPy or Python where JAX's are needed: calls that fail on what is traced, and their fixes."""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Certainty, Edit, Finding, Fix, FixRef
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call


def failing_on_traced(unit: Unit, *modules: str) -> Iterator[Finding]:
    """Calls of functions of these modules with traced values, which they cannot take."""
    for number, call in unit.calls_from(*modules):
        certainty = call.traced
        if certainty is Certainty.NO or call.facts is None or call.facts.tracers != "fails":
            continue
        value = next(a.text for a in call.arguments if a.traced is certainty)
        sure = certainty is Certainty.YES
        fails, verb = ("fails", "is") if sure else ("then fails", "may be")
        offer = offered(call)
        yield Finding(
            span=call.function_span,
            message=f"`{call.name}` {fails} on `{value}`, which {verb} traced by `{call.function}`",
            certainty=certainty,
            related=call.related,
            fixes=() if offer is None else (FixRef("use-jax", *offer, number),),
        )


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

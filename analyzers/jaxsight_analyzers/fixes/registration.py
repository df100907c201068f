"""Registers a dataclass as a pytree, so that JAX takes its instances apart."""

from __future__ import annotations

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.scopes import ClassScope

_INFERS_FIELDS = "0.4.36"  # before that, the names of the fields have to be said


def register(unit: Unit, owner: ClassScope | None) -> tuple[Edit, ...] | None:
    """The edits for a dataclass of this file; None for other classes, and where fields are no arrays."""
    module = unit.model.module
    if owner is None or not owner.node.decorator_list or not module.owns(owner.node):
        return None
    if unit.version("jax") is not None and not unit.is_at_least("jax", _INFERS_FIELDS):
        return None
    if any(_is_untraceable(edits.source(unit, one.annotation)) for one in owner.fields.values()):
        return None
    decorator = edits.spell(unit, "jax.tree_util.register_dataclass")
    first = module.span(owner.node.decorator_list[0]).start
    place = edits.place_at(unit, first)
    line = None if place is None else edits.insert_before(unit, place, f"@{decorator.text}")
    return None if line is None else (line, *decorator.edits)


def _is_untraceable(annotation: str) -> bool:
    """Whether a field would be a leaf that is no array."""
    return any(word in annotation for word in ("str", "bytes", "Callable", "Literal", "type["))

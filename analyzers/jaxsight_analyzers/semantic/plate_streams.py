"""Whether what is drawn in plates of a model has the shape that the plates give it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.blocks import around
from jaxsight_analyzers.semantic.events import CallSeen
from jaxsight_analyzers.semantic.sites import SiteSeen
from jaxsight_analyzers.semantic.streams import Places, is_meant

_Shape = tuple["int | None", ...]


class MissingEvent(NamedTuple):
    """A distribution whose batch does not fit the plates around it."""

    node: ast.Call  # that makes the distribution
    span: Span
    text: str  # of its class
    shape: str  # of its batch, as far as it is known
    plate: str
    size: int  # of the plate
    events: int | None  # how many axes belong to one value, where that mends it


class _Plate(NamedTuple):
    name: str
    size: int


def missing_events(
    sites: Iterable[SiteSeen], calls: Iterable[CallSeen], places: Places
) -> list[MissingEvent]:
    """Each distribution once."""
    seen = list(sites)
    made = {(one.node, one.frame.mark): one for one in calls if not is_meant(one.guards)}
    found: dict[ast.AST, MissingEvent] = {}
    for site in seen:
        written = site.given.get("fn")
        is_sample = site.facts.site == "sample" and _is_model(site)
        if not is_sample or not isinstance(written, ast.Call) or written in found:
            continue
        call = made.get((written, site.frame.mark))
        if call is None or not _is_one_number(call):
            continue
        shapes = [_shape(call, number) for number in range(len(call.arguments))]
        plates = _plates_around(site, seen, places) if any(shapes) else None
        one = None if plates is None else _missing(call, shapes, plates, places)
        if one is not None:
            found[written] = one
    return list(found.values())


def _is_model(site: SiteSeen) -> bool:
    """Whether an inference runs the function itself: no plates but its own are around the site."""
    if is_meant(site.guards) or site.expected or site.frame.scope is None:
        return False
    return any(one.facts.marks == "model" for one in site.frame.transformations)


def _is_one_number(call: CallSeen) -> bool:
    """Whether each value that the distribution draws is one number, for each element of its parameters."""
    return call.facts is not None and call.facts.draws == "real"


def _plates_around(site: SiteSeen, seen: Sequence[SiteSeen], places: Places) -> list[_Plate] | None:
    """The plates whose blocks it stands in, the outermost first; None where there may be others."""
    blocks = around(site.frame, site.node, places)
    statements = [body[number] for body, number in blocks or ()]
    items = [item for one in statements if isinstance(one, ast.With) for item in one.items]
    known: dict[ast.expr, SiteSeen] = {o.node: o for o in seen if o.frame is site.frame}
    plates: list[_Plate] = []
    for item in items:
        plate = known.get(item.context_expr)
        if plate is None or plate.facts.site != "plate" or plate.size is None:
            return None
        if plate.given.keys() - {"name", "size"}:
            return None
        plates.append(_Plate(plate.name or "", plate.size))
    return plates


def _missing(
    call: CallSeen, shapes: list[_Shape | None], plates: list[_Plate], places: Places
) -> MissingEvent | None:
    for shape in shapes:
        plate = None if shape is None else _unlike(shape, plates)
        if shape is not None and plate is not None:
            return MissingEvent(
                call.node,
                places.span(call.node),
                places.text(call.node.func),
                _words(shape),
                plate.name,
                plate.size,
                _events(shapes, plates),
            )
    return None


def _shape(call: CallSeen, number: int) -> _Shape | None:
    argument = call.arguments[number]
    aval = None if argument.starred else avals.aval_of(argument.value)
    return None if aval is None or aval.shape is None else tuple(aval.shape)


def _unlike(shape: _Shape, plates: list[_Plate]) -> _Plate | None:
    """The plate that the shape does not fit: the first one that is entered is the last axis."""
    for size, plate in zip(reversed(shape), plates):
        if size is not None and size != plate.size and min(size, plate.size) > 1:
            return plate
    return None


def _events(shapes: list[_Shape | None], plates: list[_Plate]) -> int | None:
    """How many of the last axes make an event, so that the rest fits the one plate."""
    if len(plates) != 1 or any(shape is None for shape in shapes):
        return None
    known = [shape for shape in shapes if shape is not None]
    for count in range(1, max(map(len, known)) + 1):
        rest = [shape[: max(len(shape) - count, 0)] for shape in known]
        if all(_unlike(shape, plates) is None for shape in rest):
            return count
    return None


def _words(shape: _Shape) -> str:
    sizes = ["?" if one is None else str(one) for one in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"

"""Routes: how a frame comes to run as it does, through the calls that lead to it now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from jaxsight_analyzers.diagnostic import Related, Route
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.events import Through
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.tasks import Activation
from jaxsight_analyzers.semantic.values import Origin

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.model import SemanticModel


class TracedHere(Route):
    """The transformation that traces a frame, the calls below it, and the argument that is traced."""

    __slots__ = ("frame", "origin")

    def __init__(self, frame: Frame, origin: Origin | None) -> None:
        self.frame = frame
        self.origin = origin

    def places(self, model: object) -> tuple[Related, ...]:
        """The transformation first, then the calls from the outermost in, then the argument."""
        known = cast("SemanticModel", model)
        at, origin = known.places.related_at, self.origin
        modes = ("abstract", "kernel", "closed") if self.frame.abstract else ("concrete",)
        calls: list[Related] = []
        for frame, call, origins in chain(known, self.frame):
            last = [] if origin is None else [_argument(known, origin)]
            if frame.incoming:
                return tuple(dict.fromkeys([*frame.incoming, *reversed(calls), *last]))
            tracing = [t for t in frame.transformations if t.mode in modes]
            if tracing:
                first = at(tracing[-1].node, _sentence(frame, tracing[-1]))
                return tuple(dict.fromkeys([first, *reversed(calls), *last]))
            if call is not None:
                calls.append(at(call, f"`{frame.name}` is called here"))
            if origin is not None:
                origin = origins.get(origin.name, origin)
        return ()


class CalledInLoop(Route):
    """The call, in a loop, that leads to a frame."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def places(self, model: object) -> tuple[Related, ...]:
        """That one call."""
        known = cast("SemanticModel", model)
        for frame, call, _ in chain(known, self.frame):
            if frame.incoming:
                return frame.incoming
            caller = caller_of(known, frame)
            if caller is not None and caller.loops and call is not None:
                return (known.places.related_at(call, "called from a loop here"),)
        return ()


class CalledThrough(Route):
    """The calls through which an effect comes back to the function whose effect it is."""

    __slots__ = ("through",)

    def __init__(self, through: Through) -> None:
        self.through = through

    def places(self, model: object) -> tuple[Related, ...]:
        """Each call, from the outermost in."""
        at = cast("SemanticModel", model).places.related_at
        return tuple([at(call, f"`{name}` is called here") for name, call in self.through])


class ChangedHere(Route):
    """Where something is changed that was read before."""

    __slots__ = ("nodes", "what")

    def __init__(self, what: str, nodes: tuple[ast.AST, ...]) -> None:
        self.what = what
        self.nodes = nodes

    def places(self, model: object) -> tuple[Related, ...]:
        """Each change, in the order of the text."""
        at = cast("SemanticModel", model).places.related_at
        return tuple([at(node, f"`{self.what}` is changed here") for node in self.nodes])


def _argument(model: SemanticModel, origin: Origin) -> Related:
    if origin.made:
        return model.places.related_at(origin.node, f"`{display(origin.name)}` makes a tracer")
    return model.places.related_at(origin.node, f"`{origin.name}` is traced")


def _sentence(frame: Frame, transformation: Transformation) -> str:
    verb = "compiled" if transformation.compiles else "traced"
    return f"`{frame.name}` is {verb} by `{display(transformation.qualified)}` here"


_Step = tuple[Frame, "ast.AST | None", "dict[str, Origin | None]"]


def chain(model: SemanticModel, frame: Frame) -> Iterator[_Step]:
    """A frame and those that led to it, each with its call and what its parameters come from."""
    here = frame
    seen: set[Activation] = set()
    while True:
        if here.caller is not None:
            call = here.call if here.call is not here.node else None
            yield here, call, {}
            here = here.caller
            continue
        task = here.task
        via = model.via(task) if isinstance(task, Activation) else None
        if via is None or task in seen:
            yield here, None, {}
            return
        assert isinstance(task, Activation)
        seen.add(task)
        call = via.call.node if via.call.node is not here.node else None
        yield here, call, via.call.origins
        here = via.call.frame


def is_incoming(model: SemanticModel, frame: Frame) -> bool:
    """Whether a frame is led to by a call in another file."""
    return any(here.incoming for here, _, _ in chain(model, frame))


def caller_of(model: SemanticModel, frame: Frame) -> Frame | None:
    """The frame that a frame is called from."""
    if frame.caller is not None:
        return frame.caller
    via = model.via(frame.task) if isinstance(frame.task, Activation) else None
    return None if via is None else via.call.frame

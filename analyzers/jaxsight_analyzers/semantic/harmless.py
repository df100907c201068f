"""Effects that do no harm, and why; and objects of which a transformation hands a function copies."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import linen_classes, members, nnx_state
from jaxsight_analyzers.semantic.changes import is_display
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.parameters import defaults_of
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import Home
from jaxsight_analyzers.semantic.values import Kind

MAKERS = ("__init__", "__post_init__", "__new__", "__setstate__")


def reason(run: Run, home: Home, what: str, *, copied: bool, how: str) -> str:
    """Why an effect does no harm; empty if it may."""
    frame = run.frame
    if home.category == "self" and (why := _made_here(run, home, what)):
        return why
    if not frame.traced:
        return "host code"
    if how == nnx_state.HOW:
        return "a variable of NNX"
    named = what.endswith("_ref")  # as people name them
    if how == "reference" or (how in ("item", "part") and (named or _in_kernel(run, home))):
        return "a reference"
    if home.environment is not None and _inside_trace(run, home):
        return "made in the same trace"
    if home.category not in ("argument", "self"):
        return ""
    mine = home.environment is None and (copied or frame.tracing is None)
    kept = how not in ("item", "part") or "." in what  # a dict that is an argument is not
    return "NNX hands it back" if mine and frame.tracer.startswith("flax.nnx.") and kept else ""


def _made_here(run: Run, home: Home, what: str) -> str:
    """Whether the object is being made, or is a module whose variables its library keeps."""
    frame = run.frame
    if home.environment is not None and frame.traced and not _inside_trace(run, home):
        return ""
    scope = frame.scope if home.environment is None else home.environment.scope
    if scope is None or scope.owner is None:
        return ""
    if scope.name in MAKERS:
        return f"made in `{scope.name}`"
    value = (home.environment or frame.environment).state.names.get(home.name)
    base = None if value is None else members.library_base(run, value)
    kind = None if base is None else run.knowledge.base(base)
    if kind == "linen-module" and scope.name == "setup":
        return "made in `setup`"
    if kind == "linen-module" and what.endswith(".value"):
        return "a variable of the module"
    if (
        kind == "linen-module"
        and value is not None
        and what == f"{home.name}.{what.rpartition('.')[2]}"
    ):
        return "the module refuses it" if linen_classes.is_refused(run, value) else ""
    return ""


def _in_kernel(run: Run, home: Home) -> bool:
    """Whether an object that is an argument, or of a function around, lives in a Pallas kernel: a reference."""
    inside = home.environment is None and home.category in ("argument", "self")
    for frame in run.frame.chain():
        inside = inside or (home.environment is not None and frame.environment is home.environment)
        if inside and any(t.mode == "kernel" for t in frame.transformations):
            return True
    facts = run.facts(run.frame.tracer)
    return inside and facts is not None and "kernel" in facts.traces.values()


def _inside_trace(run: Run, home: Home) -> bool:
    """Whether the function that holds an object is part of the trace that runs now."""
    for frame in run.frame.chain():
        if frame.environment is home.environment:
            return True
        if frame.tracing is not None:
            return False
    return False


def under_trace(run: Run, home: Home) -> tuple[Home, bool]:
    """Where an object of the caller lives when a transformation runs the function, and whether it is a copy there."""
    home = _default_of(run, home)
    copied = Certainty.NO if home.category == "default" else _copies(run.frame, home.name)
    if copied is Certainty.MAYBE:
        home = home._replace(certainty=copied)
    return home, copied is not Certainty.NO


def _default_of(run: Run, home: Home) -> Home:
    """An argument that is the default of its parameter, which is one object for all calls."""
    frame = run.frame
    default = defaults_of(_signature(frame)).get(home.name)
    value = frame.state.names.get(home.name)
    if not is_display(default) or value is None or value.traced is not Certainty.NO:
        return home
    used = value.kind is Kind.STATIC  # nobody passes it; else nobody is seen to call the function
    certainty = home.certainty if used else Certainty.MAYBE
    return home._replace(category="default", certainty=certainty)


def _copies(frame: Frame, name: str) -> Certainty:
    """Whether a transformation hands the function a copy of this argument: leaves in a new container."""
    arguments = _signature(frame)
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    best = Certainty.NO
    for transformation in frame.transformations:
        place = names.index(name) if name in names else None
        if place is not None and place < transformation.bound:
            continue
        best = max(best, _copied_by(transformation, names[transformation.bound :], name))
    return best


def _copied_by(transformation: Transformation, names: list[str], name: str) -> Certainty:
    place = names.index(name) if name in names else None
    if transformation.mode == "concrete":
        chosen = transformation.differentiated
        if chosen is None:
            return Certainty.MAYBE
        every = not transformation.facts.differentiated
        return Certainty.YES if every or place in chosen else Certainty.NO
    if transformation.mode not in ("abstract", "kernel"):
        return Certainty.NO
    static = transformation.static
    if name in static or (place is not None and (place in static or place - len(names) in static)):
        return Certainty.NO
    return Certainty.MAYBE if transformation.static_unknown else Certainty.YES


def _signature(frame: Frame) -> ast.arguments:
    assert frame.scope is not None
    return frame.scope.node.args

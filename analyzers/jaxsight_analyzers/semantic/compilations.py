"""Compiled functions that are called where they are made anew each time."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic.events import CompilationSeen, CompiledCallSeen
from jaxsight_analyzers.semantic.keys import Passes
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value


def note_compilation(run: Run, data: FunctionData) -> None:
    """Record a compiled function that is called where it is made anew each time."""
    frame = run.frame
    for position, transformation in enumerate(data.transformations):
        if (
            not transformation.compiles
            or frame.abstract
            or transformation.applied_in is not frame.mark
        ):
            continue
        in_loop = _is_repeated(frame.loops) and transformation.passes == frame.loops
        if not in_loop and not frame.hot:
            continue
        what = _fresh(run, data, position, in_loop)
        if what is not None:
            run.events.compilations.append(
                CompilationSeen(transformation, data, what, not in_loop, frame)
            )


def _is_repeated(loops: Passes) -> bool:
    """Whether code runs in more than the first iteration: `if step is None: step = jax.jit(...)` does not."""
    return bool(loops) and loops[-1][1] > 0


def _fresh(run: Run, data: FunctionData, position: int, in_loop: bool) -> str | None:
    """Why the function is a new object each time; None where it is the same one."""
    frame = run.frame
    if in_loop and isinstance(frame.loops[-1][0].iterated, (ast.Tuple, ast.List)):
        return None  # a loop over a literal makes as many functions as it says
    if position > 0:
        return "transformed function"
    if data.what == "partial" and data.made_in is frame.mark:
        return "partial"
    if data.what == "bound method":
        return "bound method"
    made_here = data.made_in is frame.mark and (data.passes == frame.loops if in_loop else True)
    if not made_here:
        return None
    return "lambda" if isinstance(data.node, ast.Lambda) else "nested function"


def note_call(run: Run, node: ast.AST, data: FunctionData) -> None:
    """Note that the host calls a compiled function."""
    frame = run.frame
    if frame.traced or frame.state.dead or not isinstance(node, ast.Call):
        return
    compiling = [one for one in data.transformations if one.compiles]
    if compiling and not any(one.facts.only_traces for one in data.transformations):
        made_in_loop = any(one.passes for one in compiling)  # which compiles in it
        loop = frame.loops[-1][0].node if frame.loops and not made_in_loop else None
        waits = any(one.filters for one in compiling)
        run.events.compiled_calls.append(CompiledCallSeen(node, data.name, loop, frame, waits))


class CompiledElsewhere:
    """What `jax.jit` made of a function that is not known."""

    __slots__ = ()


COMPILED = Value(Kind.CALLABLE, data=CompiledElsewhere())


def note_call_of_unknown(run: Run, node: ast.Call, function: Value) -> None:
    """Note that the host calls a compiled function of which nothing else is known."""
    frame = run.frame
    if function.data is COMPILED.data and not (frame.traced or frame.state.dead):
        name = ast.unparse(node.func)
        run.events.compiled_calls.append(CompiledCallSeen(node, name, None, frame))

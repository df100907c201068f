"""Shapes of every local variable, by abstract evaluation: nothing is computed, and no array is made.

Named dimensions are symbols first. Where a function asks a symbol for its number (a `reshape` that may not divide,
a comparison), it is traced with two sets of coprime sizes instead, and the dimensions are told from how they changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import failure_of, innermost_user_frame, is_out_of_memory
from jaxsight_runner.inputs.arguments import Wanted, abstract_arguments, wanted_arguments
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.prepared import Prepared, prepare, program
from jaxsight_runner.protocol import Local, ShapesReport, ShapesRequest, TraceFailure
from jaxsight_runner.sharding.simulated import simulate_mesh
from jaxsight_runner.tracing.recording import Place, Recorder
from jaxsight_runner.tracing.two_sizes import merged_shapes, sizes_for
from jaxsight_runner.worker import Job

How = Literal["symbolic", "two sizes", "concrete"]


@dataclass(frozen=True)
class _Traced:
    """One abstract evaluation of the target."""

    prepared: Prepared
    seen: Mapping[Place, Sequence[str]]
    error: Optional[Exception]  # the user's function failed: that is an answer

    @property
    def words(self) -> str:
        """What the error says, in its first line."""
        text = str(self.error).strip()
        return text.splitlines()[0][:200] if text else type(self.error).__name__

    def ends_like(self, other: _Traced, path: str) -> bool:
        """Whether the same error ended both, at the same line."""
        if self.error is None or other.error is None or type(self.error) is not type(other.error):
            return False
        ends = [innermost_user_frame(one, path) for one in (self.error, other.error)]
        places = [(end.filename, end.lineno) if end else None for end in ends]
        return places[0] == places[1]


def run(request: ShapesRequest, job: Job) -> ShapesReport:
    """Import, trace with symbols, else with sizes."""
    simulate_mesh(request)
    loaded = load_target(request, job)
    job.enter("arguments", "reading the inputs")
    wanted = wanted_arguments(loaded, need_sizes=False)
    names = wanted.dimensions
    symbols = _symbols(names)
    if symbols is None:
        return _with_sizes(loaded, wanted, None, job)
    traced = _trace(loaded, wanted, symbols, job)
    if traced.error is None:
        return _report(loaded, traced, "symbolic", {name: name for name in names}, traced.seen)
    return _with_sizes(loaded, wanted, traced, job)


def _trace(loaded: Loaded, wanted: Wanted, dimensions: Mapping[str, Any], job: Job) -> _Traced:
    jax = import_module("jax")
    arguments = abstract_arguments(loaded, wanted, dimensions)
    prepared = prepare(loaded, arguments)
    job.enter("trace", "evaluating shapes")
    jax.clear_caches()  # what was traced before is not traced again, and so not seen
    whole = program(prepared)
    recorder = Recorder()
    error: Optional[Exception] = None
    try:
        with recorder.watching():
            jax.eval_shape(whole.call, *whole.leaves)
    except Exception as raised:
        if is_out_of_memory(raised):
            raise
        error = raised
    return _Traced(prepared, recorder.seen, error)


def _with_sizes(
    loaded: Loaded, wanted: Wanted, refused: Optional[_Traced], job: Job
) -> ShapesReport:
    """Shapes in numbers: the written sizes where all are written, else those of two traces."""
    if set(wanted.sizes) >= set(wanted.dimensions):
        traced = _trace(loaded, wanted, wanted.sizes, job)
        how: How = "concrete"
        dimensions = {name: str(wanted.sizes[name]) for name in wanted.dimensions}
        seen = traced.seen
    else:
        first, second = sizes_for(wanted.dimensions, wanted.sizes)
        traced = _trace(loaded, wanted, first, job)
        other = _trace(loaded, wanted, second, job)
        how = "two sizes"
        dimensions = {name: f"{first[name]} and {second[name]}" for name in wanted.dimensions}
        seen = merged_shapes(traced.seen, other.seen, first, second)
        traced = traced if traced.error is not None else other
        if refused is not None:
            traced = replace(traced, prepared=refused.prepared)  # the inputs as they are written
    if refused is None:
        return _report(loaded, traced, how, dimensions, seen)
    if traced.ends_like(refused, loaded.request.path):  # symbols are not the reason
        symbols = {name: name for name in wanted.dimensions}
        return _report(loaded, refused, "symbolic", symbols, refused.seen)
    why = f"a dimension cannot be a symbol here: {refused.words}"
    return _report(loaded, traced, how, dimensions, seen, (why,))


def _symbols(names: Sequence[str]) -> Optional[dict[str, Any]]:
    """A symbol for each name; None where there is no name, or where this JAX has no symbols."""
    export = _export() if names else None
    if export is None:
        return None
    made = export.symbolic_shape(", ".join(names))
    return dict(zip(names, made))


def _export() -> Any:
    try:
        return import_module("jax.export")
    except ImportError:
        return None


def _report(
    loaded: Loaded,
    traced: _Traced,
    how: How,
    dimensions: dict[str, str],
    seen: Mapping[Place, Sequence[str]],
    notes: tuple[str, ...] = (),
) -> ShapesReport:
    failure: Optional[TraceFailure] = None
    if traced.error is not None:
        told = failure_of(traced.error, "trace", loaded.request.path)
        failure = TraceFailure(told.message, told.path, told.line)
    return ShapesReport(
        target=traced.prepared.target("evaluated abstractly"),
        how=how,
        dimensions=dimensions,
        locals=_locals(seen),
        failure=failure,
        notes=(*traced.prepared.notes, *notes),
        inputs=traced.prepared.inputs,
        environment=describe_environment(),
    )


def _locals(seen: Mapping[Place, Sequence[str]]) -> tuple[Local, ...]:
    found = [
        Local(place.path, place.line, place.name, place.function, place.kind, tuple(shapes))
        for place, shapes in seen.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.path, one.line)))

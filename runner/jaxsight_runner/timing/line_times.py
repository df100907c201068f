"""How long each line of the user's took on the device, from a trace that jax's profiler takes."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, cast

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import is_out_of_memory
from jaxsight_runner.kept import temporary_folder
from jaxsight_runner.program.compilation import Built
from jaxsight_runner.program.operations import Operations
from jaxsight_runner.protocol import DeviceTime, LineTime, SourceLocation
from jaxsight_runner.timing.measure import Side

_SECONDS = 0.3  # of profiled calls
_MOST_CALLS = 20
_TRACED = "xla_cpu_enable_xprof_traceme"
_LONGEST_COMPILE = 5.0  # seconds; more is not spent again
_PIECES = ("XLA Ops",)  # the row of a device that has each operation once


@dataclass(frozen=True)
class Event:
    """One run of one operation."""

    row: tuple[object, object]  # process and thread, or device and stream
    module: str  # the program's name
    operation: str
    start: float  # seconds
    duration: float


def device_time(side: Side, built: Built, text: str, path: str) -> tuple[Optional[DeviceTime], str]:
    """The time on the device by source line, or why it is not known. `text`: of the file at `path`."""
    operations = _operations(built.executable)
    if operations is None:
        return None, "no times by source line: the compiled program cannot be read"
    calls = max(2, min(_MOST_CALLS, int(_SECONDS / max(side.estimate, 1e-6))))
    events = _profile(side.call, side, calls)
    known = _of_program(events, operations)
    if not known and built.stages.compile < _LONGEST_COMPILE:
        operations, events = _told_to_trace(side, built, calls)
        known = _of_program(events, operations)
    if not known:
        return None, "no times by source line: jax's profiler gave none of operations"
    return report(known, operations, calls, text, path), ""


def _of_program(events: list[Event], operations: Operations) -> list[Event]:
    """Without what else ran meanwhile, such as the copies of arguments that are donated."""
    return [
        event
        for event in events
        if event.operation in operations and event.module in ("", operations.name)
    ]


def _operations(executable: Any) -> Optional[Operations]:
    try:
        return Operations(getattr(executable, "compiled", executable).as_text() or "")
    except (AttributeError, NotImplementedError, RuntimeError):
        return None


def _told_to_trace(side: Side, built: Built, calls: int) -> tuple[Operations, list[Event]]:
    """Older compilers for the CPU name operations in a trace only when told so."""

    def call(*given: Any) -> Any:
        if not side.named:
            return traced(*given)
        args, kwargs = given
        return traced(*args, **kwargs)

    try:
        traced = built.lowered.compile(compiler_options={_TRACED: True})
        return _operations(traced) or Operations(""), _profile(call, side, calls)
    except Exception as error:  # no such option, or static arguments, which this does not take
        if is_out_of_memory(error):
            raise
        return Operations(""), []


def _profile(call: Callable[..., Any], side: Side, calls: int) -> list[Event]:
    jax = import_module("jax")
    block = jax.block_until_ready
    given = block(side.arguments())
    with temporary_folder() as folder:
        jax.profiler.start_trace(folder, **_quiet(jax))
        try:
            for _ in range(calls):
                block(call(*given))
                given = block(side.arguments()) if side.fresh else given
        finally:
            jax.profiler.stop_trace()
        return list(events_in(Path(folder)))


def _quiet(jax: Any) -> dict[str, Any]:
    """Python's own calls left out of the trace, where that can be said."""
    make = getattr(jax.profiler, "ProfileOptions", None)
    if make is None:
        return {}
    options = make()
    options.python_tracer_level = 0
    return {"profiler_options": options}


def events_in(folder: Path) -> Iterator[Event]:
    """The operations in the traces that the profiler left in a folder."""
    for place in folder.rglob("*.trace.json.gz"):
        with gzip.open(place, "rt", encoding="utf-8") as file:
            data: Any = json.load(file)
        yield from _of_trace(cast("list[dict[str, Any]]", data.get("traceEvents", [])))


def _of_trace(entries: list[dict[str, Any]]) -> Iterator[Event]:
    named: dict[object, set[object]] = defaultdict(set)
    for entry in entries:
        if entry.get("name") == "thread_name" and entry.get("args", {}).get("name") in _PIECES:
            named[entry.get("pid")].add(entry.get("tid"))
    for entry in entries:
        operation = entry.get("args", {}).get("hlo_op")
        process, thread = entry.get("pid"), entry.get("tid")
        if not isinstance(operation, str) or "dur" not in entry:
            continue
        if process in named and thread not in named[process]:
            continue  # the same operation again, as its kernels
        module = str(entry["args"].get("hlo_module", ""))
        times = entry["ts"] * 1e-6, entry["dur"] * 1e-6
        yield Event((process, thread), module, operation, *times)


def report(
    events: list[Event], operations: Operations, calls: int, text: str, path: str
) -> DeviceTime:
    """The times of lines. What the compiler made of several is split by the work of each in it, an estimate."""
    by_line: dict[SourceLocation, float] = defaultdict(float)
    estimated: dict[SourceLocation, float] = defaultdict(float)
    others: dict[SourceLocation, set[int]] = defaultdict(set)
    total = unmapped = 0.0
    for event, seconds in own_times(events):
        total += seconds
        place = operations.place(event.operation)
        if place is None:
            unmapped += seconds
            continue
        fused = operations.fused(event.operation)
        shares = operations.shares(event.operation)
        for part, share in shares.items() if shares else ((place, 1.0),):
            by_line[part] += seconds * share
            estimated[part] += seconds * share if shares else 0.0
            others[part] |= {one.line for one in fused if one.path == part.path}
    lines = text.splitlines()

    def words(place: SourceLocation) -> str:
        here = place.path == path and 0 < place.line <= len(lines)
        return lines[place.line - 1].strip() if here else ""

    shown = [
        LineTime(
            path=place.path,
            line=place.line,
            text=words(place),
            seconds=seconds / calls,
            share=seconds / total if total else 0.0,
            fused_with=tuple(sorted(others[place] - {place.line})),
            estimated=estimated[place] / calls,
        )
        for place, seconds in sorted(by_line.items(), key=lambda item: -item[1])
    ]
    return DeviceTime(
        busy=busy(events) / calls,
        operations=total / calls,
        unmapped=unmapped / total if total else 0.0,
        calls=calls,
        lines=tuple(shown),
    )


def own_times(events: list[Event]) -> Iterator[tuple[Event, float]]:
    """Each event's time less that of the events inside of it: a loop holds its body's."""
    rows: dict[tuple[object, object], list[Event]] = defaultdict(list)
    for event in events:
        rows[event.row].append(event)
    for row in rows.values():
        open_: list[tuple[Event, list[float]]] = []  # with the time of those inside
        for event in sorted(row, key=lambda item: (item.start, -item.duration)):
            while open_ and open_[-1][0].start + open_[-1][0].duration <= event.start:
                yield _closed(open_.pop())
            if open_:
                open_[-1][1][0] += event.duration
            open_.append((event, [0.0]))
        while open_:
            yield _closed(open_.pop())


def _closed(entry: tuple[Event, list[float]]) -> tuple[Event, float]:
    event, inside = entry
    return event, max(event.duration - inside[0], 0.0)


def busy(events: list[Event]) -> float:
    """How long at least one operation ran."""
    total, end = 0.0, float("-inf")
    for event in sorted(events, key=lambda item: item.start):
        stop = event.start + event.duration
        total += max(stop - max(event.start, end), 0.0)
        end = max(end, stop)
    return total

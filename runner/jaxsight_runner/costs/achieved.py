"""What the device did in a second, beside the most it was measured to do."""

from __future__ import annotations

from importlib import import_module
from typing import Optional

from jaxsight_runner.costs.line_costs import counted_operations, line_costs
from jaxsight_runner.costs.roofline import machine_peak
from jaxsight_runner.program.compilation import Built
from jaxsight_runner.program.prepared import Prepared, program
from jaxsight_runner.protocol import Achieved, SourceLocation

_LONGEST_TRACE = 5.0  # seconds; it is traced once more to be counted


def achieved(prepared: Prepared, built: Built, seconds: float) -> Optional[Achieved]:
    """The rates of calls that take so many seconds; None where nothing can be counted."""
    if built.stages.trace > _LONGEST_TRACE or seconds <= 0:
        return None
    whole = program(prepared)
    jaxpr = import_module("jax").make_jaxpr(whole.call)(*whole.leaves)
    operations = counted_operations(jaxpr)
    here = SourceLocation(prepared.loaded.request.path, prepared.loaded.line)
    lines = line_costs(operations, here)
    if any(line.open_ended or line.unknown for line in lines):
        return None
    flops = sum(line.flops for line in lines) / seconds
    if flops <= 0:
        return None
    # Of a loop the compiler counts the bytes of one turn.
    loops = any(one.times > 1 or one.loop for one in operations)
    moved = None if loops else built.cost.bytes_accessed
    peak = machine_peak()
    return Achieved(
        flops=flops,
        flops_share=flops / peak.flops_per_second if peak else None,
        bytes=moved / seconds if moved else None,
        bytes_share=moved / seconds / peak.bytes_per_second if moved and peak else None,
    )

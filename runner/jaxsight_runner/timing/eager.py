"""The function without `jax.jit`, operation by operation, and when compiling it has paid."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import replace
from importlib import import_module
from time import perf_counter
from typing import Any, Optional

from jaxsight_runner.program.prepared import Prepared, device_arrays
from jaxsight_runner.protocol import BenchmarkOptions, Eager, Stages
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.statistics import summarise

_LONGEST_TRACE = 0.3  # seconds: more operations than are worth compiling one by one


def measure_eager(
    prepared: Prepared, stages: Stages, compiled: float, options: BenchmarkOptions
) -> tuple[Optional[Eager], str]:
    """The cost of a call without compiling, or why it is not known. `compiled`: seconds of a call."""
    if stages.trace > _LONGEST_TRACE:
        return None, "not run without jit: it has too many operations to compile them one by one"
    function = prepared.function
    if prepared.compiles_itself:
        function = getattr(function, "__wrapped__", None)
        if function is None:
            return None, "not run without jit: what it compiles cannot be reached"
    args = tuple(device_arrays(value) for value in prepared.args)
    kwargs = {name: device_arrays(value) for name, value in prepared.kwargs.items()}

    def call() -> Any:
        return function(*args, **kwargs)

    block = import_module("jax").block_until_ready
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - no path of ours
        try:
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                start = perf_counter()
                block(call())
                first = perf_counter() - start
                short = replace(options, seconds=min(options.seconds, 0.5))
                estimate = measure.warm_up(call, tuple, 0.0)
                taken = measure.latency(call, tuple, estimate, False, short)
        except Exception as error:
            return None, f"it does not run without jit: {type(error).__name__}"
    interval = summarise(taken.seconds)
    return Eager(interval, first, calls_to_pay(stages, compiled, interval.median)), ""


def calls_to_pay(stages: Stages, compiled: float, eager: float) -> Optional[int]:
    """After how many calls compiling has cost less than going without; None: never."""
    if eager <= compiled:
        return None
    return max(1, math.ceil((stages.trace + stages.lower + stages.compile) / (eager - compiled)))

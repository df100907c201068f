"""Runs programs with JAX, each in a fork of one process, and says what came of them.

python worker.py < programs.json > outcomes.pickle

JAX is imported once and no backend is initialised before a fork, so that no program sees what another
one configured or leaked. A program is text; its outcome is a dict: `raised` (the names of the
exception's classes, the own one first) and `message`, or `result` and `expected` (lists of NumPy arrays);
`lowered` (how many functions were lowered), `warned` (the names of the categories).
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import traceback
import warnings
from typing import Any

SECONDS = 120


def main() -> int:
    """Reads programs, runs them, writes what came of them."""
    importlib.import_module("jax")  # before the first fork, so that it is imported once

    programs: list[str] = json.load(sys.stdin)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what programs print is not an outcome
        pickle.dump([in_a_fork(program) for program in programs], out)
    return 0


def in_a_fork(program: str) -> dict[str, Any]:
    """What comes of a program that runs in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        import signal

        signal.alarm(SECONDS)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(outcome(program), pipe)
            pipe.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(answer) if answer else {"raised": ["Killed"], "message": "no answer"}


def outcome(program: str) -> dict[str, Any]:
    """What comes of a program that runs here."""
    import jax.monitoring

    lowered = 0

    def count(event: str, duration_secs: float, **_: object) -> None:
        nonlocal lowered
        lowered += event == "/jax/core/compile/jaxpr_to_mlir_module_duration"

    jax.monitoring.register_event_duration_secs_listener(count)
    names: dict[str, Any] = {"__name__": "__main__"}
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            exec(compile(program, "proof.py", "exec", dont_inherit=True), names)
        except Exception as error:  # what the proof is about
            found["raised"] = [kind.__name__ for kind in type(error).__mro__]
            found["message"] = f"{error}\n{traceback.format_exc(limit=-3)}"
    found["lowered"] = lowered
    found["warned"] = [one.category.__name__ for one in warned]
    if "raised" not in found:
        for name in ("result", "expected"):
            found[name] = leaves(names[name]) if name in names else None
    return found


def leaves(value: object) -> list[Any]:
    """The arrays of a result, as NumPy's; what is no array is compared by its text."""
    import jax
    import numpy as np

    found: list[Any] = []
    for leaf in jax.tree.leaves(value):
        if hasattr(leaf, "dtype") and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        made: Any = np.asarray(leaf)
        if made.dtype.kind not in "biufcV":
            made = np.asarray(repr(leaf))
        elif made.dtype.kind == "V":  # bfloat16 and its kin, which NumPy alone does not know
            made = made.astype(np.float32)
        found.append(made)
    return found


if __name__ == "__main__":
    sys.exit(main())

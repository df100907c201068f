"""Runs mutants under JAX and keeps those that JAX itself finds at fault, where they were changed.

    python -m tests.analyzers.mutation.confirm [PROGRAM...]

Writes `confirmed.txt`, which the test reads: that a mutant is a mistake is JAX's judgement, not ours. A branch
must raise `TracerBoolConversionError` in the mutated lines, NumPy `TracerArrayConversionError`, an item
assignment `TypeError`, a removed name `AttributeError`; a key must raise `KeyReuseError` with
`jax_debug_key_reuse`; a `print` must be given a tracer; a `jit` in a loop must be called there twice,
outside any trace. Each mutant runs in a process of its own. A run that was cut short goes on where it was.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from tests.analyzers.mutation.confirmed import LIST, identity, sampled, write
from tests.analyzers.mutation.program import Mutant, Program
from tests.analyzers.mutation.programs import programs

SECONDS = 40
JUDGED = Path(tempfile.gettempdir()) / "mutation-judged.json"
RAISES = {
    "traced-if": "TracerBoolConversionError",
    "numpy-on-traced": "TracerArrayConversionError",
    "array-item-assignment": "TypeError",
    "removed-api": "AttributeError",
    "key-reuse": "KeyReuseError",
    "key-reuse-in-loop": "KeyReuseError",
}
FILE = "mutant.py"


def main(names: list[str]) -> None:
    """Confirms the mutants of some programs, or of all."""
    for library in ("flax.linen", "flax.nnx", "numpyro", "optax"):
        import_module(library)  # once, before the forks
    jax = _jax()
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(Path(tempfile.gettempdir()) / "mutation"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_disable_most_optimizations", True)
    for program in programs():
        if not names or program.name in names:
            found = confirm(program)
            write(program, found)
            print(f"{program.name}: {len(found)} confirmed", flush=True)


def _jax() -> Any:
    return import_module("jax")


def confirm(program: Program) -> list[Mutant]:
    """The mutants of one program that JAX finds at fault."""
    judged = _judged()
    keys = _remembered(judged, f"{program.digest} keys", lambda: _forked(program.text, _checked))
    found: list[Mutant] = []
    for mutant in sampled(program):
        if mutant.rule.startswith("key-reuse") and not keys:
            continue
        name = f"{program.digest} {identity(mutant)}"
        if _remembered(judged, name, lambda m=mutant: _forked(m.text, lambda _: is_mistake(m))):
            found.append(mutant)
    return found


def _judged() -> dict[str, bool]:
    return json.loads(JUDGED.read_text(encoding="utf-8")) if JUDGED.exists() else {}


def _remembered(judged: dict[str, bool], name: str, judge: Callable[[], bool]) -> bool:
    if name not in judged:
        outcome = judge()
        judged.update(_judged())  # another process may be at work on another program
        judged[name] = outcome
        JUDGED.write_text(json.dumps(judged), encoding="utf-8")
    return judged[name]


def _checked(text: str) -> bool:
    """Whether a program runs to its end while JAX watches its keys."""
    jax = _jax()
    jax.config.update("jax_debug_key_reuse", True)
    _run(text)
    return True


def _forked(text: str, judge: Callable[[str], bool]) -> bool:
    """What a function says in a child process; False if it takes too long."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        outcome = 1
        with contextlib.suppress(BaseException):
            outcome = 0 if judge(text) else 1
        os._exit(outcome)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _run(text: str) -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    sys.argv = [FILE]
    exec(compile(text, FILE, "exec"), {"__name__": "__main__", "__file__": FILE})


def is_mistake(mutant: Mutant) -> bool:
    """Whether JAX objects to a mutant for the expected reason, in the expected lines."""
    jax = _jax()
    wanted = RAISES.get(mutant.rule)
    if wanted is None:
        return _prints(mutant) if mutant.rule == "print-in-trace" else _compiles_twice(mutant)
    jax.config.update("jax_debug_key_reuse", mutant.rule.startswith("key-reuse"))
    try:
        _run(mutant.text)
    except Exception as error:
        if type(error).__name__ != wanted:
            return False
        if wanted == "KeyReuseError":
            return True  # JAX may notice it where the function is called
        at = [each.lineno for each in traceback.extract_tb(error.__traceback__) if FILE in each[0]]
        return at[-1] in mutant.lines
    return False


def _prints(mutant: Mutant) -> bool:
    jax, is_concrete = _jax(), import_module("jax._src.core").is_concrete
    seen: list[bool] = []
    real: Any = builtins.print

    def spy(*values: Any, **options: Any) -> None:
        if _line(sys._getframe(1)) in mutant.lines:  # pyright: ignore[reportPrivateUsage]
            leaves = jax.tree.leaves(values)
            seen.append(any(isinstance(e, jax.core.Tracer) and not is_concrete(e) for e in leaves))
        options["file"] = io.StringIO()
        real(*values, **options)

    builtins.print = spy
    _run(mutant.text)
    return bool(seen) and all(seen)


def _compiles_twice(mutant: Mutant) -> bool:
    jax, is_clean = _jax(), import_module("jax._src.core").trace_state_clean
    seen: list[bool] = []
    real = jax.jit

    def spy(*arguments: Any, **options: Any) -> Any:
        if _line(sys._getframe(1)) in mutant.lines:  # pyright: ignore[reportPrivateUsage]
            seen.append(is_clean())
        return real(*arguments, **options)

    jax.jit = spy
    _run(mutant.text)
    return len(seen) > 1 and all(seen)


def _line(frame: FrameType) -> int:
    return frame.f_lineno if frame.f_code.co_filename == FILE else 0


if __name__ == "__main__":
    main(sys.argv[1:])
    print(f"written: {LIST}")

"""Asks JAX: runs each program with its questions under real JAX and writes down the answers.

`python -m tests.analyzers.truth.record` writes `recorded.json`, which the fast test compares with
the model; the slow test records anew and holds the file to it. One process imports the libraries
and forks a child for each program.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import json
import os
import sys
import tempfile
import time
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.analyzers.truth.instrument import instrument

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.json"
LIMIT = 300  # seconds for one program, on a machine that does other things too

_SHARED = (  # what programs import, so that the children need not
    "flax.linen",
    "flax.nnx",
    "flax.training.train_state",
    "jax.experimental.pallas",
    "numpyro.infer.autoguide",
    "optax",
)

# Frames of JAX that say which transformation runs a function.
_ON_THE_STACK = {
    ("pjit.py", "_trace_for_jit"): "jit",
    ("api.py", "vmap_f"): "vmap",
    ("api.py", "vjp"): "grad",
    ("api.py", "linearize"): "grad",
    ("api.py", "_jvp"): "jvp",
    ("loops.py", "scan"): "scan",
    ("loops.py", "while_loop"): "while_loop",
    ("loops.py", "fori_loop"): "fori_loop",
    ("loops.py", "map"): "map",
    ("conditionals.py", "cond"): "cond",
    ("conditionals.py", "switch"): "switch",
    ("ad_checkpoint.py", "fun_remat"): "checkpoint",
    ("shard_map.py", "wrapped"): "shard_map",
    ("pallas_call.py", "wrapped"): "pallas_call",
}


def _library(name: str) -> Any:
    return importlib.import_module(name)


def digest(source: str) -> str:
    """Tells whether a recording is of this text."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


class Recorder:
    """What was seen at each place: classes of values, or transformations on the stack."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.reuses: set[tuple[int, ...]] = set()

    def value(self, value: Any) -> Any:
        """Stands in for `reveal_value`."""
        self.seen[_place(sys._getframe(1))].update(_classes(value))  # pyright: ignore[reportPrivateUsage]
        return value

    def contexts(self) -> None:
        """Stands in for `reveal_contexts`."""
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        self.seen[_place(frame)].add(_transformations(frame))

    def note_reuse(self) -> None:
        """A key that was used up is used again: in these lines of the program, the innermost first."""
        lines: list[int] = []
        frame: types.FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        while frame is not None:
            if frame.f_code.co_filename == self.filename:
                lines.append(frame.f_lineno)
            frame = frame.f_back
        self.reuses.add(tuple(lines))


def _place(frame: types.FrameType) -> str:
    code: Any = frame.f_code  # `co_positions` is of 3.11
    line, _, column, _ = list(code.co_positions())[frame.f_lasti // 2]
    return f"{line}:{column}"


def _classes(value: Any) -> set[str]:
    """`abstract` and `concrete` tracers in it, or else what it is; `tree`: they lie in a container."""
    jax, np, core = _library("jax"), _library("numpy"), _library("jax._src.core")
    try:
        leaves = jax.tree.leaves(value)
    except Exception:  # a container that JAX cannot take apart: then it is a leaf
        leaves = [value]
    tracers = [leaf for leaf in leaves if isinstance(leaf, jax.core.Tracer)]
    found = {"concrete" if core.is_concrete(tracer) else "abstract" for tracer in tracers}
    arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    if any(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in arrays):
        found.add("key")
    if tracers and not (len(leaves) == 1 and leaves[0] is value):
        found.add("tree")
    if not tracers:
        others = any(isinstance(leaf, np.ndarray) for leaf in leaves)
        found.add("array" if arrays else "numpy" if others else "other")
    return found


def _transformations(frame: types.FrameType) -> str:
    """The transformations on the stack, the outermost first; `host` outside of every trace.

    The number is how many calls of the program lie between the last of them and this function.
    """
    core = _library("jax._src.core")
    found: list[str] = []
    depth = 0
    outer: types.FrameType | None = frame.f_back
    while outer is not None:
        code = outer.f_code
        name = _ON_THE_STACK.get((os.path.basename(code.co_filename), code.co_name))  # noqa: PTH119
        if name is not None and "site-packages" in code.co_filename:
            found.append(name)
        elif not found and code.co_filename == frame.f_code.co_filename:
            depth += 1
        outer = outer.f_back
    if core.trace_state_clean():
        return "host"
    return " > ".join([f"traced {depth}", *reversed(found)])


def _watch_keys(recorder: Recorder) -> None:
    """Under `jax_debug_key_reuse` a reuse is written down and the program goes on."""
    jax, key_reuse = _library("jax"), _library("jax.experimental.key_reuse._core")
    jax.config.update("jax_debug_key_reuse", True)
    check = key_reuse.KeyReuseSignature.check_signature
    of_jaxpr = key_reuse.jaxpr_type_signature

    def check_signature(self: Any, *args: Any, **options: Any) -> None:
        try:
            check(self, *args, **options)
        except jax.errors.KeyReuseError:
            recorder.note_reuse()

    def jaxpr_type_signature(jaxpr: Any) -> Any:
        try:
            return of_jaxpr(jaxpr)
        except jax.errors.KeyReuseError:
            recorder.note_reuse()
            return key_reuse.KeyReuseSignature()

    key_reuse.KeyReuseSignature.check_signature = check_signature
    key_reuse.jaxpr_type_signature = jaxpr_type_signature


def run(path: Path, with_keys: bool) -> dict[str, Any]:
    """Runs one program in this process."""
    source = path.read_text(encoding="utf-8")
    instrumented = instrument(source)
    recorder = Recorder(str(path))
    builtins.reveal_value = recorder.value  # type: ignore[attr-defined]
    builtins.reveal_contexts = recorder.contexts  # type: ignore[attr-defined]
    if with_keys:
        _watch_keys(recorder)
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    exec(compile(instrumented.text, str(path), "exec"), module.__dict__)
    seen = {place: sorted(classes) for place, classes in sorted(recorder.seen.items())}
    return {"digest": digest(source), "seen": seen, "reuses": sorted(recorder.reuses)}


def record(programs: dict[str, bool], jobs: int = 2) -> dict[str, Any]:
    """Runs programs, `jobs` at a time; the value says whether keys are watched."""
    _prepare()
    found: dict[str, Any] = {}
    waiting, running = list(programs), dict[int, tuple[str, float]]()
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                pid = os.fork()
                if pid == 0:
                    _child(name, programs[name], Path(folder) / name)
                running[pid] = name, time.monotonic()
            pid, _ = os.wait()
            name, started = running.pop(pid)
            out = Path(folder) / name
            found[name] = json.loads(out.read_text()) if out.exists() else {"failed": True}
            print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    return dict(sorted(found.items()))


def _prepare() -> None:
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    jax = _library("jax")
    for name in _SHARED:
        _library(name)
    cache = HERE.parents[2] / ".cache" / "truth"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _child(name: str, with_keys: bool, out: Path) -> None:
    """Runs in the forked process and never returns."""
    import signal
    import traceback

    signal.alarm(LIMIT)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    status = 1
    try:
        answers = run(HERE / "programs" / f"{name}.py", with_keys)
        out.write_text(json.dumps(answers))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file, on 3.10 too."""
    toml = _library("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return toml.loads(path.read_text(encoding="utf-8"))


def listed() -> dict[str, dict[str, Any]]:
    """The programs by name, as `programs.toml` has them."""
    return read_toml(HERE / "programs.toml")


def main(arguments: list[str]) -> None:
    """Records the named programs, or all, and keeps what is known of the others: `[--to FILE] [NAME ...]`."""
    out = RECORDED
    if arguments[:1] == ["--to"]:
        out, arguments = Path(arguments[1]), arguments[2:]
    programs = listed()
    chosen = {name: bool(programs[name].get("key_reuse")) for name in arguments or programs}
    known: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    found: dict[str, Any] = {**known, **record(chosen)}
    found = {name: answers for name, answers in found.items() if name in programs}
    lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

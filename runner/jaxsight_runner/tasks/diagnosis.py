"""Calls a function a few times, as a loop would, and says what goes wrong or costs time.

Arguments are made anew for each call, so that what only looks equal is found: a lambda, a Python number for an array.
Keys are checked in a second import of the module, in which `jax.random.PRNGKey` makes typed keys.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from time import perf_counter
from typing import Any, Optional

from jaxsight_runner.costs.line_costs import text_at
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import Stop, innermost_user_frame, is_out_of_memory, is_user_file
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.compilation import compilable, copies
from jaxsight_runner.program.prepared import Prepared, prepare
from jaxsight_runner.protocol import (
    DiagnosisReport,
    DiagnosisRequest,
    SourceLocation,
    Symptom,
    Trouble,
)
from jaxsight_runner.sharding.simulated import simulate_mesh
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.statistics import median
from jaxsight_runner.watching.conversions_to_host import watching_conversions
from jaxsight_runner.watching.recompilations import Miss, watching_misses
from jaxsight_runner.worker import Job

_CALLS = 3
_SLOWER = 3.0  # times: below it, dispatching is not worth a word
_TIMED = 15  # calls
_MADE = re.compile(r"(?:created on line|while tracing the function \S+ at) (.+?):(\d+)")
_HOLDER = re.compile(r"is referred to by ([A-Za-z_][\w.]*)$", re.MULTILINE)
_IN_NAMES = re.compile(r"is referred to by <dict \d+>\['(\w+)'\]$", re.MULTILINE)


def run(request: DiagnosisRequest, job: Job) -> DiagnosisReport:
    """Import, call, look."""
    simulate_mesh(request)
    loaded = load_target(request, job)
    job.enter("arguments", "building the arguments")
    return _Diagnosis(request, loaded, job).report()


class _Diagnosis:
    """One function under observation."""

    def __init__(self, request: DiagnosisRequest, loaded: Loaded, job: Job) -> None:
        self._request, self._loaded, self._job = request, loaded, job
        self._jax = import_module("jax")
        self._here = SourceLocation(request.path, loaded.line)
        self._symptoms: list[Symptom] = []
        self._checked: list[Trouble] = []
        self._notes: list[str] = []

    def report(self) -> DiagnosisReport:
        prepared = prepare(self._loaded)
        self._job.enter("execute", "calling it again and again")
        output = self._recompilations(prepared)  # an error here is the answer
        self._check("transfer", "looking for values that go back to Python", self._transfers)
        self._check("non-finite", "looking for NaN and infinity", lambda: self._finite(output))
        self._check("leak", "looking for leaked tracers", self._leaks)
        self._check("dispatch", "timing single operations", self._dispatch)
        self._check("key-reuse", "looking for keys that are used twice", self._keys)
        return DiagnosisReport(
            target=prepared.target("called as it is"),
            symptoms=tuple(self._symptoms),
            calls=_CALLS,
            checked=tuple(self._checked),
            notes=(*prepared.notes, *self._notes),
            inputs=prepared.inputs,
            environment=describe_environment(),
        )

    def _check(self, trouble: Trouble, words: str, look: Callable[[], None]) -> None:
        """One kind of trouble; what prevents looking for it is a note, and the others go on."""
        self._job.enter("execute", words)
        try:
            look()
            self._checked.append(trouble)
        except (Exception, Stop) as error:
            if isinstance(error, MemoryError) or is_out_of_memory(error):
                raise
            first = str(error).strip().splitlines()
            told = first[0][:160] if first else type(error).__name__
            self._notes.append(f"not checked for {trouble}: {type(error).__name__}: {told}")

    def _call(self, prepared: Prepared) -> Any:
        args, kwargs = copies(prepared.args, prepared.kwargs)
        return self._jax.block_until_ready(prepared.function(*args, **kwargs))

    def _recompilations(self, prepared: Prepared) -> Any:
        output = self._call(prepared)
        rounds: list[list[Miss]] = []
        for _ in range(_CALLS - 1):
            again = prepare(self._loaded)
            with watching_misses() as misses:
                output = self._call(again)
            rounds.append(misses)
        for miss, count in _counted(rounds[-1]):
            self._add_miss(miss, count, "at every call")
        last = {_key(miss) for miss in rounds[-1]}
        for miss, count in _counted(rounds[0]):
            if _key(miss) not in last:
                self._add_miss(miss, count, "at the second call")
        self._checked.append("recompilation")
        return output

    def _add_miss(self, miss: Miss, count: int, when: str) -> None:
        name = "a lambda" if "<lambda>" in miss.function else f"`{miss.function}`"
        place = SourceLocation(miss.path, miss.line)
        if not is_user_file(miss.path):  # called by the task, or by a library
            place = SourceLocation(miss.defined_path, miss.defined_line)
        message = f"{name} is compiled again {when}: {miss.why}"
        rule = "jit-in-loop" if miss.redefined else None
        self._add("recompilation", message, place, count, rule)

    def _transfers(self) -> None:
        with watching_conversions() as found:
            self._call(prepare(self._loaded))
        for (place, kind), count in found.items():
            message = f"Python waits here for the device: it needs the values for {kind}"
            rule = "host-sync-in-step-loop" if count > 1 else None
            self._add("transfer", message, place, count, rule)

    def _finite(self, output: Any) -> None:
        numpy = import_module("numpy")
        leaves = self._jax.tree_util.tree_leaves(output)
        arrays = [leaf for leaf in leaves if isinstance(leaf, self._jax.Array)]
        floats = [a for a in arrays if self._jax.numpy.issubdtype(a.dtype, self._jax.numpy.inexact)]
        bad = sum(not bool(numpy.isfinite(numpy.asarray(a, "complex128")).all()) for a in floats)
        if not bad:
            return
        place = self._first_bad()
        values = "value is" if bad == 1 else "values are"
        message = (
            f"{bad} of the returned {values} not finite"
            if place is None
            else "NaN or infinity first appears here"
        )
        self._add("non-finite", message, place or self._here, 1, None)

    def _first_bad(self) -> Optional[SourceLocation]:
        config = self._jax.config
        for setting in ("jax_debug_nans", "jax_debug_infs"):
            config.update(setting, True)
            try:
                with self._jax.disable_jit():
                    self._call(prepare(self._loaded))
            except FloatingPointError as error:
                return _place(error, self._request.path)
            finally:
                config.update(setting, False)
        return None

    def _leaks(self) -> None:
        self._jax.clear_caches()
        gc.collect()  # JAX asks the collector who keeps a tracer, and takes the first that it names
        try:
            with self._jax.checking_leaks():
                self._call(prepare(self._loaded))
        except Exception as error:
            if "Leaked" not in str(error):
                raise
            place, message = _leak(str(error))
            self._add("leak", message, place or self._here, 1, "leaked-tracer")
        finally:
            self._jax.clear_caches()

    def _dispatch(self) -> None:
        if any(symptom.trouble == "recompilation" for symptom in self._symptoms):
            return None  # compiling takes the time
        prepared = prepare(self._loaded)
        if prepared.compiles_itself:
            return self._compiled_dispatch(prepared)
        compiled = compilable(prepared)
        whole = _seconds(lambda: self._jax.block_until_ready(compiled.function(*compiled.args)))
        single = _seconds(lambda: self._call(prepared))
        if single > _SLOWER * whole:
            message = (
                f"it runs one operation at a time, {single / whole:.0f} times slower than one compiled "
                "program: put `jax.jit` on it, or call it from compiled code"
            )
            self._add("dispatch", message, self._here, 1, None)
        return None

    def _compiled_dispatch(self, prepared: Prepared) -> None:
        identity = self._jax.jit(_identity)
        value = self._jax.numpy.zeros(())
        floor = _seconds(lambda: self._jax.block_until_ready(identity(value)))
        seconds = _seconds(lambda: self._call(prepared))
        if seconds < _SLOWER * floor:
            message = (
                f"most of a call is Python calling the device ({floor / seconds:.0%}): give it more work "
                "at a time, by `vmap` or `scan`"
            )
            self._add("dispatch", message, self._here, 1, None)

    def _keys(self) -> None:
        config = self._jax.config
        config.update("jax_enable_custom_prng", True)
        try:
            sys.modules.pop(self._loaded.module.__name__, None)
            prepared = prepare(load_target(self._request, self._job))
            self._job.enter("execute", "looking for keys that are used twice")
            self._jax.clear_caches()  # old releases do not look at what they compiled before
            with self._jax.debug_key_reuse(True):
                self._call(prepared)
        except Exception as error:
            if type(error).__name__ != "KeyReuseError":
                raise
            place = _place(error, self._request.path) or self._here
            self._add("key-reuse", "a key is used here a second time", place, 1, "key-reuse")
        finally:
            config.update("jax_enable_custom_prng", False)

    def _add(
        self, trouble: Trouble, message: str, place: SourceLocation, count: int, rule: Optional[str]
    ) -> None:
        text = text_at(place)
        self._symptoms.append(Symptom(trouble, message, place.path, place.line, text, count, rule))


def _identity(x: Any) -> Any:
    return x


def _leak(text: str) -> tuple[Optional[SourceLocation], str]:
    """Where a tracer was made that leaked, and who keeps it, from JAX's words."""
    made, holder = _MADE.search(text), _HOLDER.search(text)
    place = SourceLocation(made[1], int(made[2])) if made and is_user_file(made[1]) else None
    # JAX 0.4 knows the names of a module that is not in `sys.modules` as a dict, the outermost of all
    names = [holder[1]] if holder else _IN_NAMES.findall(text)
    kept = f": `{names[-1].rpartition('.')[2]}` keeps it" if names else ""
    return place, f"a traced value outlives the function that made it{kept}"


def _key(miss: Miss) -> tuple[str, str, int]:
    return miss.function, miss.path, miss.line


def _counted(misses: Iterable[Miss]) -> list[tuple[Miss, int]]:
    """Each function that was compiled at a line, with how often."""
    found: dict[tuple[str, str, int], tuple[Miss, int]] = {}
    for miss in misses:
        known, count = found.get(_key(miss), (miss, 0))
        found[_key(miss)] = (known, count + 1)
    return list(found.values())


def _place(error: BaseException, path: str) -> Optional[SourceLocation]:
    frame = innermost_user_frame(error, path)
    return SourceLocation(frame.filename, frame.lineno) if frame and frame.lineno else None


def _seconds(call: Callable[[], Any]) -> float:
    """The median time of a call that was made before."""
    measure.warm_up(call, tuple, 0.0)
    taken: list[float] = []
    for _ in range(_TIMED):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return median(taken)

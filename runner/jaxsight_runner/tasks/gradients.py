"""Checks a function's gradients: reverse mode against forward mode against differences in float64.

The reference runs on the CPU, where float64 is native. Custom rules and stops that make the gradient
differ are named; those that the source declares intended are set aside, and the rest of the program is
checked without them. What float64 hides is looked for in a second import, with 64-bit types off.
"""

from __future__ import annotations

import sys
from importlib import import_module

from jaxsight_runner.derivatives.blame import Blame, Watches
from jaxsight_runner.derivatives.boundaries import Boundaries
from jaxsight_runner.derivatives.checking import Checked, Checker
from jaxsight_runner.derivatives.native import NativeTrouble, native_troubles
from jaxsight_runner.derivatives.targets import differentiated, ranges_of
from jaxsight_runner.derivatives.verdicts import judged
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import Stop, is_out_of_memory
from jaxsight_runner.loading.options import with_options
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.compile_cache import keep_compiled
from jaxsight_runner.program.prepared import Prepared, Program, prepare, program
from jaxsight_runner.protocol import GradientFinding, GradientsReport, GradientsRequest
from jaxsight_runner.sharding.simulated import simulate_mesh
from jaxsight_runner.worker import Job


def run(request: GradientsRequest, job: Job) -> GradientsReport:
    """Import in double precision, differentiate, compare, judge."""
    simulate_mesh(request)
    with with_options(jax_platforms="cpu", jax_enable_x64=True):
        target = load_target(request, job)
    jax = import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # the file may have turned it off
    keep_compiled()
    loaded, notes = differentiated(target)
    job.enter("arguments", "building the arguments")
    prepared = prepare(loaded)
    return _Task(request, prepared, program(prepared), job, notes).report()


class _Task:
    """One check, from the program to the report."""

    def __init__(
        self,
        request: GradientsRequest,
        prepared: Prepared,
        whole: Program,
        job: Job,
        notes: tuple[str, ...],
    ) -> None:
        self._request, self._prepared, self._program, self._job = request, prepared, whole, job
        self._notes = [*prepared.notes, *notes]
        self._watches = Watches()

    def report(self) -> GradientsReport:
        checker = Checker(self._request, self._program, self._watches, self._job)
        with self._watches.watching():
            checked = checker.check()
            found = list(checked.findings)
            if checked.function is not None and all(f.level != "error" for f in found):
                found += self._boundaries(checked)
        function = checked.function
        is_traced = function is not None and function.how != "eager"
        if is_traced and all(f.level != "error" or not f.place for f in found):
            found = [*self._native(), *found]  # which may explain a mismatch
        verdict, summary = judged(checked, found)
        errors = [finding for finding in found if finding.level == "error"]
        placed = next((f.place for f in errors if f.place is not None), None)
        return GradientsReport(
            target=self._prepared.target("differentiated with jax.grad on the CPU"),
            verdict=verdict,
            summary=summary,
            culprit=placed,
            leaves=checked.leaves,
            intended=checked.intended,
            forward_reverse_error=checked.consistency,
            precision=checked.precision,
            directions=self._request.options.directions,
            notes=(*self._notes, *checked.notes),
            inputs=self._prepared.inputs,
            environment=describe_environment(),
            findings=tuple(
                sorted(found, key=lambda f: ("error", "warning", "note").index(f.level))
            ),
            second_order=checked.second_order,
        )

    def _boundaries(self, checked: Checked) -> list[GradientFinding]:
        self._job.enter("compare", "looking at zeros, equal values, negatives, large values")
        assert checked.function is not None
        options = self._request.options
        blame = Blame(checked.function, self._watches, options.directions, options.seed)
        ranges = ranges_of(self._prepared.loaded)
        verdicts = {leaf.path: leaf.verdict for leaf in checked.leaves}
        paths = enumerate(checked.function.paths)
        live = [index for index, path in paths if verdicts[path] in ("right", "kink")]
        try:
            found = Boundaries(checked.function, live, ranges, blame, options.seed).findings()
        except Exception as error:
            if isinstance(error, MemoryError) or is_out_of_memory(error):
                raise
            self._note("not checked at zeros, equal and large values", error)
            return []
        is_smooth = all(leaf.verdict != "unsure" for leaf in checked.leaves)
        if checked.intended is None and is_smooth:
            return found
        return [finding for finding in found if finding.kind != "elsewhere"]

    def _native(self) -> list[GradientFinding]:
        """What double precision hides: the file is imported once more, with 64-bit types off."""
        jax = import_module("jax")
        self._job.enter("compare", "comparing with the precision of the arguments")
        loaded = self._prepared.loaded
        jax.config.update("jax_enable_x64", False)
        jax.clear_caches()
        try:
            again = self._loaded_again(loaded)
            if jax.config.jax_enable_x64:  # the file wants double precision
                return []
            troubles = native_troubles(program(prepare(again)), self._request.options.seed)
        except (Exception, Stop) as error:
            if isinstance(error, MemoryError) or is_out_of_memory(error):
                raise
            self._note("not checked in the precision of the arguments", error)
            return []
        finally:
            jax.config.update("jax_enable_x64", True)
        return [_native_finding(trouble) for trouble in troubles[:1]]

    def _loaded_again(self, loaded: Loaded) -> Loaded:
        name = loaded.module.__name__
        first = sys.modules.pop(name, None)
        try:
            return differentiated(load_target(self._request, self._job))[0]
        finally:
            if first is not None:
                sys.modules[name] = first

    def _note(self, what: str, error: BaseException) -> None:
        lines = str(error).strip().splitlines()
        told = lines[0][:160] if lines else ""
        self._notes.append(f"{what}: {type(error).__name__}: {told}")


def _native_finding(trouble: NativeTrouble) -> GradientFinding:
    what = "the value" if trouble.of == "value" else f"the gradient with respect to `{trouble.of}`"
    cause = f": {trouble.origin.words}" if trouble.origin is not None else ""
    place = trouble.origin.place if trouble.origin is not None else None
    leaves = () if trouble.of == "value" else (trouble.of,)
    if trouble.kind == "overflow":
        message = f"in {trouble.dtype}, {what} is not finite, which it is in float64{cause}"
        return GradientFinding("overflow", "error", message, place, leaves=leaves)
    message = f"in {trouble.dtype}, {what} is {_share(trouble.loss)} off, far more than its inputs' rounding explains{cause}"
    return GradientFinding("precision", "error", message, place, leaves=leaves)


def _share(loss: float) -> str:
    return f"{100 * loss:.0f} %" if loss < 10 else f"{loss:.2g} times its size"

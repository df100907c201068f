"""The check at the user's own inputs: leaf by leaf, and what is to blame for a difference."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import import_module
from typing import Any, Optional, Union, cast

from jaxsight_runner.costs.jaxprs import opened
from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.accusing import Accuser, names
from jaxsight_runner.derivatives.blame import Blame, Watches
from jaxsight_runner.derivatives.comparison import Comparison, LeafCheck
from jaxsight_runner.derivatives.cuts import Reach
from jaxsight_runner.derivatives.determinism import Change, rerun, retraced
from jaxsight_runner.derivatives.differentiation import (
    Differentiable,
    Outputs,
    Vector,
    differentiable,
    direction,
    floating,
    inner,
    magnitude,
    traced,
)
from jaxsight_runner.derivatives.forward_only import forwards, wrong_forwards
from jaxsight_runner.derivatives.nonfinite import origin
from jaxsight_runner.failures import Stop, innermost_user_frame, is_out_of_memory, stop
from jaxsight_runner.program.prepared import Program
from jaxsight_runner.protocol import (
    Failure,
    GradientFinding,
    GradientLeaf,
    GradientsRequest,
    SourceLocation,
)
from jaxsight_runner.worker import Job

_NO_REVERSE = (
    "Reverse-mode differentiation does not work",
    "transpose",
    "Transpose rule",
    "does not support reverse-mode",  # of an operation, as `pallas_call`
    "Differentiation rule",
    "do not support JVP",
    "does not support JVP",
)
_PRECISION = {
    "f64": (),
    "mixed": "the program rounds to lower precision itself",
    "native": "the program does not accept float64",
}


@dataclass(frozen=True)
class Checked:
    """What the check at the inputs found."""

    function: Optional[Differentiable]  # None where there was nothing to go on with
    leaves: tuple[GradientLeaf, ...]
    findings: tuple[GradientFinding, ...]
    consistency: Optional[float] = None
    intended: Optional[str] = None
    precision: str = "f64"
    notes: tuple[str, ...] = ()
    second_order: tuple[GradientLeaf, ...] = ()


class Checker:
    """Goes from the program to leaves and findings. Runs while rules and stops are watched."""

    def __init__(
        self, request: GradientsRequest, whole: Program, watches: Watches, job: Job
    ) -> None:
        self._request, self._program, self._watches, self._job = request, whole, watches, job
        self._options = request.options
        self._numpy = import_module("numpy")
        self._notes: list[str] = []
        self._accuser = Accuser(request, watches)

    @property
    def _findings(self) -> list[GradientFinding]:
        return self._accuser.findings

    def check(self) -> Checked:
        """Trace, differentiate, compare, blame."""
        self._job.enter("trace", "tracing in float64")
        outputs, jaxpr = traced(self._program)
        if jaxpr is None:
            self._notes.append(
                "Python looks at values, so that the function cannot be compiled: checked without"
            )
        change = retraced(outputs.function, outputs.point, jaxpr)
        if change is not None:
            return self._random(change)
        reach = Reach(jaxpr)
        self._require_floats(jaxpr)
        function = differentiable(outputs, jaxpr, self._options.seed)
        self._refuse_nonfinite_value(function)
        change = rerun(function.values, function.point, jaxpr)
        if change is not None:
            return self._random(change)
        gradient = self._gradient(function)
        if isinstance(gradient, Stop):
            return self._forwards_alone(function, reach, gradient)
        if function.infinite and not all(map(self._finite, gradient)):
            raise self._nonfinite_value(function)
        checks = self._checks(function, gradient, reach)
        consistency = self._forward(function, gradient)
        self._accuser.say_forwards(function)
        checks = self._accuser.blamed(function, gradient, reach, jaxpr, checks)
        function, checks = self._first_result(function, outputs, checks)
        self._inconsistent(function, consistency, checks)
        self._say_precision(function)
        second = self._second(function, gradient) if self._options.order > 1 else ()
        return Checked(
            function=function,
            leaves=self._rows(function, checks),
            findings=tuple(self._findings),
            consistency=consistency,
            intended=self._accuser.intended,
            precision=function.precision,
            notes=tuple(self._notes),
            second_order=second,
        )

    # what prevents a check

    def _random(self, change: Change) -> Checked:
        finding = GradientFinding("random", "error", change.words, change.place)
        leaves = tuple(self._described(path) for path in self._program.paths)
        return Checked(None, leaves, (finding,))

    def _require_floats(self, jaxpr: Any) -> None:
        if jaxpr is None or opened(jaxpr).outvars:
            return
        whole = import_module("jax").make_jaxpr(lambda *leaves: self._program.call(*leaves)[0])  # pyright: ignore
        cut = Reach(whole(*self._program.leaves)).last_cut
        where = f": {cut.words} passes on no derivative" if cut is not None else ""
        place = cut.place if cut is not None else None
        raise stop(
            "unsupported",
            f"no output holds floating-point numbers: nothing to differentiate{where}",
            place.path if place else None,
            place.line if place else None,
        )

    def _refuse_nonfinite_value(self, function: Differentiable) -> None:
        value = function.value(function.point)
        outputs = function.values(*function.point)
        finite = [self._finite(item) for item in outputs]
        entirely = any(
            bool(self._numpy.all(self._numpy.isinf(self._numpy.asarray(o))))
            for o in outputs
            if o.size
        )
        if self._finite(value) and (all(finite) or not entirely):
            if function.infinite:
                self._notes.append(
                    f"{function.infinite} elements of the output are infinite and take no part"
                )
            return
        raise self._nonfinite_value(function)

    def _nonfinite_value(self, function: Differentiable) -> Stop:
        found = origin(function.outputs, function.point)
        where = f": {found.words} is the first that is not finite" if found is not None else ""
        place = found.place if found is not None else None
        return stop(
            "unsupported",
            f"`{self._request.qualname}` gives NaN or infinity for these inputs{where}, so that there is no "
            "gradient to check; give inputs from its domain, as in `x: f32[3] in [0.1, 1]`",
            place.path if place else None,
            place.line if place else None,
        )

    def _gradient(self, function: Differentiable) -> Union[Vector, Stop]:
        """The gradient, or why there is none."""
        self._job.enter("compile", "differentiating")
        try:
            return function.gradient(*function.point)
        except Exception as error:
            if is_out_of_memory(error) or not any(word in str(error) for word in _NO_REVERSE):
                raise
            frame = innermost_user_frame(error, self._request.path)
            first = str(error).strip().splitlines()[0]
            where = f" (line {frame.lineno})" if frame else ""
            return stop(
                "unsupported",
                f"`{self._request.qualname}` cannot be differentiated in reverse mode{where}: {first}",
                frame.filename if frame else None,
                frame.lineno if frame else None,
            )

    def _forwards_alone(self, function: Differentiable, reach: Reach, why: Stop) -> Checked:
        """Forward mode against differences, where there is no reverse mode."""
        forward = forwards(function)
        if forward is None:
            raise why
        checks = self._checks(forward, forward.gradient(*forward.point), reach)
        found = wrong_forwards(forward, checks, self._watches, self._options)
        told = why.outcome
        assert isinstance(told, Failure)
        place = SourceLocation(told.path, told.line) if told.path and told.line else None
        self._notes.append(
            "only the point itself was looked at, and not the arguments' own precision"
        )
        return Checked(
            function=None,
            leaves=self._rows(forward, checks),
            findings=(*found, GradientFinding("no-reverse", "warning", told.message, place)),
            precision=function.precision,
            notes=tuple(self._notes),
        )

    # the leaves

    def _checks(
        self, function: Differentiable, gradient: Vector, reach: Reach
    ) -> dict[int, LeafCheck]:
        self._job.enter("compare", "comparing with differences")
        found: dict[int, LeafCheck] = {}
        for index in range(len(function.paths)):
            given = self._known(function, gradient, reach, index)
            if given is not None:
                found[index] = given
        clean = tuple(g if self._finite(g) else self._numpy.zeros(g.shape) for g in gradient)
        comparison = self._comparison(function, clean)
        found.update(comparison.leaves([i for i in range(len(gradient)) if i not in found]))
        return found

    def _known(
        self, function: Differentiable, gradient: Vector, reach: Reach, index: int
    ) -> Optional[LeafCheck]:
        """What a leaf comes to without differences, if it does."""
        found = self._numpy.asarray(gradient[index])
        bad = int(self._numpy.sum(~self._numpy.isfinite(found)))
        if bad:
            return LeafCheck(
                "non-finite", None, message=f"{bad} of {found.size} elements are NaN or infinite"
            )
        if not found.size:
            return LeafCheck("unused", None, message="it has no elements")
        if not reach.is_used(index):
            return LeafCheck("unused", None, message="the output does not depend on it")
        if reach.is_dead(index) and not self._numpy.any(found != 0):
            cuts = reach.cuts(index)
            words = f": {cuts[0].words} lets no derivative through" if cuts else ""
            return LeafCheck(
                "dead", None, message=f"zero everywhere, although the output depends on it{words}"
            )
        return None

    def _comparison(self, function: Differentiable, gradient: Vector) -> Comparison:
        return Comparison(
            function, function.point, gradient, self._options.directions, self._options.seed
        )

    def _forward(self, function: Differentiable, gradient: Vector) -> Optional[float]:
        """Forward against reverse mode, relative; a custom_vjp has no forward mode."""
        if not all(map(self._finite, gradient)):
            return None
        rng = self._numpy.random.default_rng([self._options.seed, 3])
        along = direction(function.point, rng)
        try:
            pushed = function.pushed(along)
        except (
            TypeError
        ) as error:  # "can't apply forward-mode differentiation to a custom_vjp function"
            if "custom_vjp" not in str(error):
                raise
            self._notes.append("forward mode is not defined through a custom_vjp")
            return None
        claimed = inner(gradient, along)
        near = [abs(float(function.step(t, function.point, along))) for t in (-1.0, 0.0, 1.0)]
        value = max(filter(math.isfinite, near), default=0.0)
        scale = max(abs(pushed), abs(claimed), magnitude(gradient, along))
        apart = max(abs(pushed - claimed) - 1e3 * 2.3e-16 * value, 0.0)  # less than rounding leaves
        return apart / scale if scale else 0.0

    def _first_result(
        self, function: Differentiable, outputs: Outputs, checks: dict[int, LeafCheck]
    ) -> tuple[Differentiable, dict[int, LeafCheck]]:
        """Of a loss and what else is returned beside it, the loss alone has to pass on gradients."""
        wrong = [i for i, check in checks.items() if check.verdict == "wrong"]
        if not wrong or any(finding.kind != "cut" for finding in self._findings):
            return function, checks
        if not self._has_loss_first():
            return function, checks
        jax = function.jax
        first = floating(self._program, outputs.is_promoted, only_first=True)
        jaxpr = jax.make_jaxpr(first.function)(*first.point)
        alone = differentiable(first, jaxpr, self._options.seed)
        found = self._comparison(alone, alone.gradient(*alone.point)).leaves(wrong)
        if any(check.verdict not in ("right", "kink") for check in found.values()):
            return function, checks
        lines = ", ".join(str(f.place.line) for f in self._findings if f.place is not None)
        self._notes.append(
            f"the gradient of the first result is right; line {lines} cuts it off from what is returned beside it"
        )
        self._findings.clear()
        return alone, {**checks, **found}

    def _has_loss_first(self) -> bool:
        """Whether the function returns several results, of which the first is a single number."""

        def first(*leaves: Any) -> Any:
            whole = self._program.call(*leaves)[0]
            is_several = isinstance(whole, (tuple, list))
            results = cast("tuple[Any, ...]", whole) if is_several else ()
            return results[0] if len(results) > 1 else None

        found = import_module("jax").eval_shape(first, *self._program.leaves)
        return getattr(found, "shape", None) == ()

    def _inconsistent(
        self,
        function: Differentiable,
        consistency: Optional[float],
        checks: dict[int, LeafCheck],
    ) -> None:
        limit = 1e-8 if function.precision == "f64" else function.tolerance
        if consistency is None or consistency <= limit or self._findings:
            return
        if any(check.verdict == "intended" for check in checks.values()):
            return
        message = f"forward and reverse mode differ by {consistency:.2g}, relative"
        self._findings.append(GradientFinding("forward-reverse", "error", message))

    def _say_precision(self, function: Differentiable) -> None:
        words = _PRECISION[function.precision]
        if isinstance(words, str):
            how = (
                "checked as if it did not"
                if function.how == "lifted"
                else "its own precision is all there is"
            )
            held = f"{words}: {how}, to {function.tolerance:.2g}, relative"
            self._notes.append(
                held if function.precision == "mixed" else held.replace("did not", "did")
            )
        if any(self._numpy.iscomplexobj(self._numpy.asarray(leaf)) for leaf in function.point):
            self._notes.append(
                "complex arguments: by JAX's convention the gradient is the conjugate of the direction of "
                "steepest ascent, and the derivative along v is Re(sum(gradient * v))"
            )

    # the second derivative

    def _second(self, function: Differentiable, gradient: Vector) -> tuple[GradientLeaf, ...]:
        """The gradient of the gradient against fixed weights, leaf by leaf."""
        if any(f.level == "error" for f in self._findings) or not all(map(self._finite, gradient)):
            return ()
        if function.precision != "f64":
            self._notes.append(
                "the second derivative is checked only where the program does not round"
            )
            return ()
        self._job.enter("compare", "comparing the second derivative")
        rng = self._numpy.random.default_rng([self._options.seed, 5])
        second = function.of_gradient(direction(function.point, rng))
        try:
            slopes = second.gradient(*second.point)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            first = str(error).strip().splitlines()[0][:160]
            self._notes.append(f"no second derivative: {type(error).__name__}: {first}")
            return ()
        checks: dict[int, LeafCheck] = {}
        for index, found in enumerate(slopes):
            if not self._finite(found):
                checks[index] = LeafCheck("non-finite", None, message="it is not finite")
        wanted = [i for i in range(len(slopes)) if i not in checks and slopes[i].size]
        clean = tuple(g if self._finite(g) else self._numpy.zeros(g.shape) for g in slopes)
        checks.update(self._comparison(second, clean).leaves(wanted))
        self._say_second(second, checks)
        return tuple(_filled(self._described(function.paths[i]), c) for i, c in checks.items())

    def _say_second(self, second: Differentiable, checks: dict[int, LeafCheck]) -> None:
        bad = [i for i, check in checks.items() if check.verdict in ("wrong", "non-finite")]
        if not bad:
            return
        paths = tuple(second.paths[i] for i in bad)
        words = f"the second derivative with respect to {names(paths)} is {checks[bad[0]].verdict}: {checks[bad[0]].message}"
        blame = Blame(second, self._watches, self._options.directions, self._options.seed)
        guilty = blame.rules(second.point, 1e-6)
        place = SourceLocation(*guilty[0].place) if guilty and guilty[0].place else None
        if place is not None:
            words += f"; the custom rule of `{guilty[0].name}` on line {place.line} has another derivative than its function's"
        last = guilty[0].last_line if guilty else None
        self._findings.append(GradientFinding("mismatch", "error", words, place, last, paths))

    # rows

    def _rows(
        self, function: Differentiable, checks: dict[int, LeafCheck]
    ) -> tuple[GradientLeaf, ...]:
        by = {function.paths[index]: check for index, check in checks.items()}
        return tuple(
            _filled(self._described(path), by[path]) if path in by else self._described(path)
            for path in self._program.paths
        )

    def _described(self, path: str) -> GradientLeaf:
        leaf = self._program.leaves[self._program.paths.index(path)]
        return GradientLeaf(path, str(leaf.dtype), tuple(leaf.shape), "not-differentiable")

    def _finite(self, value: Any) -> bool:
        return bool(self._numpy.all(self._numpy.isfinite(self._numpy.asarray(value))))


def _filled(leaf: GradientLeaf, check: LeafCheck) -> GradientLeaf:
    worst = check.worst
    if worst is None:
        return replace(leaf, verdict=check.verdict, message=check.message)
    return replace(
        leaf,
        verdict=check.verdict,
        analytic=worst.analytic,
        numeric=worst.numeric,
        error=worst.error,
        uncertainty=worst.uncertainty / worst.scale if worst.scale else 0.0,
        message=check.message,
        element=check.element,
    )

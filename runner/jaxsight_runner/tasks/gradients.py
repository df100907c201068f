"""Checks a function's gradients: reverse mode against forward mode against differences in float64.

The reference runs on the CPU, where float64 is native. Custom rules that disagree with the
derivative of their own function are named; one that the source declares intended is set aside, and
the rest of the program is checked without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.derivatives.comparison import Comparison, LeafCheck
from jaxsight_runner.derivatives.custom_rules import CustomRule, RuleWatch, intended
from jaxsight_runner.derivatives.differentiation import (
    Differentiable,
    Vector,
    differentiable,
    direction,
    inner,
    magnitude,
)
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import innermost_user_frame, is_out_of_memory, stop
from jaxsight_runner.loading.target import load_target
from jaxsight_runner.program.prepared import Prepared, Program, prepare, program
from jaxsight_runner.protocol import GradientLeaf, GradientsReport, GradientsRequest, SourceLocation
from jaxsight_runner.worker import Job

_BAD = ("wrong", "non-finite", "dead")
_NO_REVERSE = (
    "Reverse-mode differentiation does not work",
    "transpose",
    "Transpose rule",
    "Differentiation rule",
)


def run(request: GradientsRequest, job: Job) -> GradientsReport:
    """Import in double precision, differentiate, compare, judge."""
    jax = import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    loaded = load_target(request, job)
    jax.config.update("jax_enable_x64", True)  # the file may have turned it off
    job.enter("arguments", "building the arguments")
    prepared = prepare(loaded)
    whole = program(prepared)
    return _Checker(request, prepared, whole, job).report()


class _Checker:
    """One check, from the program to the report."""

    def __init__(
        self, request: GradientsRequest, prepared: Prepared, whole: Program, job: Job
    ) -> None:
        self._request = request
        self._prepared = prepared
        self._program = whole
        self._job = job
        self._watch = RuleWatch()
        self._numpy = import_module("numpy")

    def report(self) -> GradientsReport:
        self._job.enter("trace", "tracing in float64")
        with self._watch.watching():
            function = differentiable(self._program, self._request.options.seed)
            self._refuse_nonfinite_value(function)
            gradient = self._gradient(function)
            self._job.enter("compare", "comparing with differences")
            leaves = self._leaves(function, gradient)
            consistency, note = self._forward(function, gradient)
        return self._judge(function, gradient, leaves, consistency, note)

    def _gradient(self, function: Differentiable) -> Vector:
        self._job.enter("compile", "differentiating")
        try:
            return function.gradient(*function.point)
        except Exception as error:
            if is_out_of_memory(error) or not any(word in str(error) for word in _NO_REVERSE):
                raise
            frame = innermost_user_frame(error, self._request.path)
            first = str(error).strip().splitlines()[0]
            where = f" (line {frame.lineno})" if frame else ""
            raise stop(
                "unsupported",
                f"`{self._request.qualname}` cannot be differentiated in reverse mode{where}: {first}",
                frame.filename if frame else None,
                frame.lineno if frame else None,
            ) from error

    def _refuse_nonfinite_value(self, function: Differentiable) -> None:
        if all(self._finite(item) for item in function.outputs):
            return
        raise stop(
            "unsupported",
            f"`{self._request.qualname}` gives NaN or infinity for these inputs, so that there is no gradient "
            "to check: give inputs from its domain, as in `x: f32[3] in [0.1, 1]`",
        )

    def _finite(self, value: Any) -> bool:
        return bool(self._numpy.all(self._numpy.isfinite(self._numpy.asarray(value))))

    def _leaves(self, function: Differentiable, gradient: Vector) -> list[GradientLeaf]:
        comparison = self._comparison(function, gradient)
        checked: dict[str, GradientLeaf] = {}
        for index, path in enumerate(function.paths):
            self._job.enter("compare", f"comparing `{path}`")
            checked[path] = self._leaf(comparison, index, self._described(path))
        return [checked.get(path) or self._described(path) for path in self._program.paths]

    def _comparison(self, function: Differentiable, gradient: Vector) -> Comparison:
        options = self._request.options
        return Comparison(function, gradient, options.directions, options.seed)

    def _described(self, path: str) -> GradientLeaf:
        leaf = self._program.leaves[self._program.paths.index(path)]
        return GradientLeaf(path, str(leaf.dtype), tuple(leaf.shape), "not-differentiable")

    def _leaf(self, comparison: Comparison, index: int, described: GradientLeaf) -> GradientLeaf:
        found = self._numpy.asarray(comparison.gradient[index])
        bad = int(self._numpy.sum(~self._numpy.isfinite(found)))
        if bad:
            message = f"{bad} of {found.size} elements are NaN or infinite"
            return replace(described, verdict="non-finite", message=message)
        if not comparison.function.point[index].size:
            return replace(described, verdict="unused", message="it has no elements")
        if not self._finite_all(comparison.gradient):
            message = "not checked: the gradient of another leaf is not finite"
            return replace(described, verdict="unsure", message=message)
        if not self._numpy.any(found != 0):
            dead = comparison.is_dead(index)
            if dead is None:
                return replace(
                    described, verdict="unused", message="the output does not depend on it"
                )
            if dead:
                message = "exactly zero, although the output depends on it"
                return replace(described, verdict="dead", message=message)
        return _filled(described, comparison.leaf(index))

    def _finite_all(self, gradient: Vector) -> bool:
        return all(self._finite(item) for item in gradient)

    def _forward(
        self, function: Differentiable, gradient: Vector
    ) -> tuple[Optional[float], tuple[str, ...]]:
        """Forward against reverse mode, relative; a custom_vjp has no forward mode."""
        if not self._finite_all(gradient):
            return None, ()
        along = direction(
            function.point, self._numpy.random.default_rng([self._request.options.seed, 3])
        )
        try:
            pushed = function.pushed(along)
        except (
            TypeError
        ) as error:  # "can't apply forward-mode differentiation to a custom_vjp function"
            if "custom_vjp" not in str(error):
                raise
            return None, ("forward mode is not defined through a custom_vjp",)
        claimed = inner(gradient, along)
        scale = max(abs(pushed), abs(claimed), magnitude(gradient, along))
        return (abs(pushed - claimed) / scale if scale else 0.0), ()

    def _judge(
        self,
        function: Differentiable,
        gradient: Vector,
        leaves: Sequence[GradientLeaf],
        consistency: Optional[float],
        notes: tuple[str, ...],
    ) -> GradientsReport:
        limit = 1e-8 if function.precision == "f64" else 2e-3
        inconsistent = consistency is not None and not consistency <= limit
        culprit, why = None, None
        if inconsistent or any(leaf.verdict in _BAD for leaf in leaves):
            guilty = self._disagreeing(function)
            whys = [intended(rule, self._request.path, self._request.text) for rule in guilty]
            declared = tuple(rule for rule, reason in zip(guilty, whys) if reason is not None)
            if declared:
                why = next(reason for reason in whys if reason is not None)
                leaves = self._without(declared, leaves)
                inconsistent = inconsistent and len(declared) < len(guilty)
            accused = [rule for rule in guilty if rule not in declared]
            if accused and accused[0].place:
                culprit = SourceLocation(*accused[0].place)
        verdict, summary = _verdict(leaves, consistency if inconsistent else None)
        return GradientsReport(
            target=self._prepared.target("differentiated with jax.grad on the CPU"),
            verdict=verdict,
            summary=summary,
            culprit=culprit if verdict == "wrong" else None,
            leaves=tuple(leaves),
            intended=why,
            forward_reverse_error=consistency,
            precision=function.precision,
            directions=self._request.options.directions,
            notes=(*self._prepared.notes, *notes, *_precision_note(function)),
            inputs=self._prepared.inputs,
            environment=describe_environment(),
        )

    def _disagreeing(self, function: Differentiable) -> list[CustomRule]:
        """The custom rules whose derivative is not that of their own function, near this point."""
        rng = self._numpy.random.default_rng([self._request.options.seed, 4])
        away = direction(function.point, rng)
        point = tuple(x + 1e-3 * v.astype(x.dtype) for x, v in zip(function.point, away))
        with self._watch.watching():
            ruled = self._fresh().gradient(*point)
        guilty: list[CustomRule] = []
        for rule in tuple(self._watch.seen.values()):
            with self._watch.watching(aside=(rule,)):
                try:
                    plain = self._fresh().gradient(*point)
                except Exception as error:
                    # Without its rule the function has no derivative: that is what the rule is for.
                    if is_out_of_memory(error):
                        raise
                    continue
            if any(self._differ(one, other) for one, other in zip(ruled, plain)):
                guilty.append(rule)
        return guilty

    def _fresh(self) -> Differentiable:
        return differentiable(self._program, self._request.options.seed)

    def _differ(self, one: Any, other: Any) -> bool:
        one, other = self._numpy.asarray(one), self._numpy.asarray(other)
        if not self._finite(other):
            return False
        scale = float(self._numpy.max(self._numpy.abs(other), initial=1e-12))
        return not bool(self._numpy.all(self._numpy.abs(one - other) <= 1e-6 * scale))

    def _without(
        self, rules: tuple[CustomRule, ...], leaves: Sequence[GradientLeaf]
    ) -> list[GradientLeaf]:
        """Leaves whose mismatch comes from rules that are meant to differ, and from nothing else."""
        with self._watch.watching(aside=rules):
            function = self._fresh()
            comparison = self._comparison(function, function.gradient(*function.point))
            judged: list[GradientLeaf] = []
            for leaf in leaves:
                if leaf.verdict not in _BAD:
                    judged.append(leaf)
                    continue
                plain = comparison.leaf(function.paths.index(leaf.path))
                fine = plain.verdict in ("right", "kink")
                judged.append(replace(leaf, verdict="intended") if fine else _filled(leaf, plain))
        return judged


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


def _verdict(leaves: Sequence[GradientLeaf], inconsistency: Optional[float]) -> tuple[Any, str]:
    by = {
        name: [leaf for leaf in leaves if leaf.verdict == name]
        for name in (*_BAD, "unsure", "intended", "kink")
    }
    for name in _BAD:
        if by[name]:
            first = by[name][0]
            paths = ", ".join(f"`{leaf.path}`" for leaf in by[name][:4])
            words = {"wrong": "is wrong", "non-finite": "is not finite", "dead": "is dead"}[name]
            return "wrong", f"the gradient with respect to {paths} {words}: {first.message}"
    if inconsistency is not None:
        return "wrong", f"forward and reverse mode differ by {inconsistency:.2g}, relative"
    if by["unsure"]:
        paths = ", ".join(f"`{leaf.path}`" for leaf in by["unsure"][:4])
        return "unsure", f"no reliable numerical reference for {paths}"
    errors = [leaf.error for leaf in leaves if leaf.error is not None and leaf.verdict == "right"]
    text = "reverse mode agrees with differences"
    if errors:
        text += f" to {max(errors):.1g}, relative"
    if by["intended"]:
        text += "; mismatches are declared intended"
    if by["kink"]:
        text += "; not smooth at this point"
    return "right", text


def _precision_note(function: Differentiable) -> tuple[str, ...]:
    return {
        "f64": (),
        "mixed": ("the program rounds to lower precision itself: checked to 0.2 % only",),
        "native": (
            "the program does not accept float64: checked in its own precision, to 0.2 % only",
        ),
    }[function.precision]

"""Says what is to blame for a wrong gradient: findings with their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Optional

from jaxsight_runner.costs.jaxprs import Jaxpr, opened, place_of, sub_jaxprs
from jaxsight_runner.derivatives.blame import Aside, Blame, Watches
from jaxsight_runner.derivatives.comparison import LeafCheck
from jaxsight_runner.derivatives.custom_rules import CustomRule, declared_around, intended
from jaxsight_runner.derivatives.cuts import Reach
from jaxsight_runner.derivatives.differentiation import Differentiable, Vector
from jaxsight_runner.derivatives.nonfinite import origin
from jaxsight_runner.protocol import GradientFinding, GradientsRequest, SourceLocation

_SOLVERS = ("custom_linear_solve", "CustomRoot")
_SAMPLERS = ("random_gamma",)  # their derivatives are those of distributions, not of samples

_BY_NATURE = frozenset(("stop_gradient", "ne"))


class Accuser:
    """Goes from leaves that are wrong to the lines that make them so."""

    def __init__(self, request: GradientsRequest, watches: Watches) -> None:
        self._request, self._watches, self._options = request, watches, request.options
        self._numpy = import_module("numpy")
        self.findings: list[GradientFinding] = []
        self.intended: Optional[str] = None

    def blamed(
        self,
        function: Differentiable,
        gradient: Vector,
        reach: Reach,
        jaxpr: Optional[Jaxpr],
        checks: dict[int, LeafCheck],
    ) -> dict[int, LeafCheck]:
        """The leaves again, those that are meant to differ marked so; what is to blame is among the findings."""
        by = {
            verdict: [i for i, check in checks.items() if check.verdict == verdict]
            for verdict in ("wrong", "dead", "non-finite", "kink", "unsure")
        }
        if by["non-finite"]:
            self._say_nonfinite(function, gradient, by["non-finite"])
        open_ = [*by["wrong"], *by["dead"]]
        doubted = bool(
            by["kink"] or by["unsure"] or by["non-finite"] or function.precision != "f64"
        )
        if not open_ and not doubted:
            return checks
        blame = Blame(function, self._watches, self._options.directions, self._options.seed)
        guilty = blame.rules(function.point, 1e-6 if open_ else max(1e-3, function.tolerance))
        if by["wrong"] and not guilty:
            guilty = blame.rules(function.point, 1e-6, of_libraries=True)
        stops = blame.stops(by["wrong"]) if by["wrong"] and not guilty else ()
        aside, checks = self._set_aside(blame, guilty, stops, by["wrong"], checks)
        checks = self._stopped(function, reach, self._declared_dead(reach, checks))
        self._accuse([rule for rule in guilty if rule not in aside.rules], function, checks)
        self._accuse_stops([s for s in stops if s not in aside.stops], function, checks)
        self._say_dead(function, reach, checks)
        if not self.findings and jaxpr is not None and _has(jaxpr, _SAMPLERS):
            return self._sampled(checks)
        if not self.findings:
            self._say_unexplained(function, jaxpr, checks)
        return checks

    def _sampled(self, checks: dict[int, LeafCheck]) -> dict[int, LeafCheck]:
        message = "it goes through samples of a gamma distribution, whose derivatives are not those of their code"
        return {
            index: replace(check, verdict="unsure", message=message, element=None)
            if check.verdict == "wrong"
            else check
            for index, check in checks.items()
        }

    def say_forwards(self, function: Differentiable) -> None:
        """Rules whose forward function is not the function itself."""
        if not self._watches.rules.seen or function.precision != "f64":
            return
        value = function.value(function.point)
        blame = Blame(function, self._watches, self._options.directions, self._options.seed)
        for rule in blame.forwards(value):
            place = SourceLocation(*rule.forward) if rule.forward else None
            line = f" on line {place.line}" if place else ""
            message = (
                f"`{rule.name}` gives another value while it is differentiated than when it is called: its forward "
                f"function{line} computes something else"
            )
            self.findings.append(GradientFinding("wrong-rule", "error", message, place))

    def _declared_dead(self, reach: Reach, checks: dict[int, LeafCheck]) -> dict[int, LeafCheck]:
        """A line that is meant to cut an input off, as that of a target network or of a label."""
        found = dict(checks)
        for index, check in checks.items():
            places = [cut.place for cut in reach.cuts(index)] if check.verdict == "dead" else []
            why = next(filter(None, (self._why(place) for place in places if place)), None)
            if why is not None:
                self.intended = self.intended or why
                found[index] = replace(check, verdict="intended", message=None)
        return found

    def _stopped(
        self, function: Differentiable, reach: Reach, checks: dict[int, LeafCheck]
    ) -> dict[int, LeafCheck]:
        """Whole arguments that have no gradient by their nature, beside others that have.

        `stop_gradient` makes constants of targets and advantages; of labels only whether they are zero is asked.
        """
        arguments = {index: re.split(r"[\[.]", function.paths[index])[0] for index in checks}
        live = {
            arguments[i] for i, check in checks.items() if check.verdict not in ("dead", "unused")
        }
        found = dict(checks)
        for index, check in checks.items():
            names_ = (
                {cut.name for cut in reach.cuts(index)} if check.verdict == "dead" else set[str]()
            )
            if names_ and names_ <= _BY_NATURE and live and arguments[index] not in live:
                found[index] = replace(check, verdict="stopped")
        return found

    def _why(self, place: SourceLocation) -> Optional[str]:
        is_here = place.path == self._request.path
        return declared_around(place.line, self._request.text) if is_here else None

    def _set_aside(
        self,
        blame: Blame,
        guilty: Sequence[CustomRule],
        stops: Sequence[SourceLocation],
        wrong: Sequence[int],
        checks: dict[int, LeafCheck],
    ) -> tuple[Aside, dict[int, LeafCheck]]:
        """Leaves whose mismatch comes from what is meant to differ, and from nothing else."""
        whys = {
            rule.name: intended(rule, self._request.path, self._request.text) for rule in guilty
        }
        rules = tuple(rule for rule in guilty if whys[rule.name] is not None)
        places = tuple(dict.fromkeys(place for place in stops if self._why(place) is not None))
        aside = Aside(rules, places)
        if not aside:
            return aside, checks
        self.intended = next(
            filter(None, (*(whys[rule.name] for rule in rules), *map(self._why, places)))
        )
        found = dict(checks)
        for index, plain in blame.without(aside, wrong).items():
            fine = plain.verdict in ("right", "kink")
            found[index] = (
                replace(checks[index], verdict="intended", message=None) if fine else plain
            )
        return aside, found

    def _accuse(
        self, rules: Sequence[CustomRule], function: Differentiable, checks: dict[int, LeafCheck]
    ) -> None:
        for rule in rules:
            place = SourceLocation(*rule.place) if rule.place else None
            bad = self._named(function, checks, ("wrong",))
            line = f" on line {place.line}" if place else ""
            message = f"{self._differs(function, checks)}the custom rule of `{rule.name}`{line} is not the derivative of its function"
            self.findings.append(
                GradientFinding("wrong-rule", "error", message, place, rule.last_line, bad)
            )

    def _accuse_stops(
        self,
        places: Sequence[SourceLocation],
        function: Differentiable,
        checks: dict[int, LeafCheck],
    ) -> None:
        bad = self._named(function, checks, ("wrong",))
        if not bad:
            return
        for place in places:
            message = f"{self._differs(function, checks)}`stop_gradient` on line {place.line} cuts a part of it off"
            self.findings.append(GradientFinding("cut", "error", message, place, leaves=bad))

    def _differs(self, function: Differentiable, checks: dict[int, LeafCheck]) -> str:
        """The beginning of a sentence: which leaf is how wrong."""
        for index, check in checks.items():
            if check.verdict == "wrong":
                return (
                    f"the gradient with respect to `{function.paths[index]}` is {check.message}: "
                )
        return ""

    def _say_dead(
        self, function: Differentiable, reach: Reach, checks: dict[int, LeafCheck]
    ) -> None:
        dead = [index for index, check in checks.items() if check.verdict in ("dead", "stopped")]
        for index in dead[:4]:
            cuts = reach.cuts(index)
            level = "error" if checks[index].verdict == "dead" else "note"
            message = f"the gradient with respect to `{function.paths[index]}` is dead: {checks[index].message}"
            place = cuts[0].place if cuts else None
            leaves = (function.paths[index],)
            self.findings.append(GradientFinding("cut", level, message, place, leaves=leaves))

    def _say_nonfinite(
        self, function: Differentiable, gradient: Vector, leaves: Sequence[int]
    ) -> None:
        slopes = function.jax.grad(function.phi, argnums=tuple(range(len(function.point))))
        found = origin(slopes, function.point)
        paths = tuple(function.paths[index] for index in leaves)
        bad = self._numpy.asarray(gradient[leaves[0]])
        count = int(self._numpy.sum(~self._numpy.isfinite(bad)))
        message = (
            f"the gradient with respect to {names(paths)} is not finite ({count} of {bad.size} elements) "
            "although the value is"
        )
        place = found.place if found is not None else None
        if found is not None:
            message += f": {found.words}"
            if found.masked:
                message += ", in what a `where` (or `maximum`) does not choose: give it a safe argument as well"
        self.findings.append(GradientFinding("non-finite", "error", message, place, leaves=paths))

    def _say_unexplained(
        self, function: Differentiable, jaxpr: Optional[Jaxpr], checks: dict[int, LeafCheck]
    ) -> None:
        bad = self._named(function, checks, ("wrong",))
        if not bad:
            return
        message, place = self._differs(function, checks).rstrip(": "), None
        solves = _solves(jaxpr) if jaxpr is not None else []
        if len(solves) == 1:
            place = solves[0]
            message += f"; the functions that line {place.line} solves with may not belong together"
        self.findings.append(GradientFinding("mismatch", "error", message, place, leaves=bad))

    def _named(
        self, function: Differentiable, checks: dict[int, LeafCheck], verdicts: Sequence[str]
    ) -> tuple[str, ...]:
        return tuple(function.paths[i] for i, c in checks.items() if c.verdict in verdicts)


def names(paths: Sequence[str]) -> str:
    """The first of them, in words."""
    shown = ", ".join(f"`{path}`" for path in paths[:4])
    return shown if len(paths) <= 4 else f"{shown} and {len(paths) - 4} more"


def _solves(jaxpr: Jaxpr) -> list[SourceLocation]:
    """The lines with a solver whose derivative the caller gives by hand."""
    found: dict[SourceLocation, None] = {}
    for equation in opened(jaxpr).eqns:
        place = place_of(equation)
        inside = type(equation.params.get("_prim")).__name__  # of an operation of a newer kind
        if place is not None and {equation.primitive.name, inside} & set(_SOLVERS):
            found.setdefault(place)
        for nested in sub_jaxprs(equation):
            found.update(dict.fromkeys(_solves(nested)))
    return list(found)


def _has(jaxpr: Jaxpr, names: Sequence[str]) -> bool:
    return any(
        equation.primitive.name in names or any(_has(each, names) for each in sub_jaxprs(equation))
        for equation in opened(jaxpr).eqns
    )

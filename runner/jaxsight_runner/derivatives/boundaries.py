"""Looks at a gradient at the points where gradients like to break, and says what it is that breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.derivatives.blame import Blame
from jaxsight_runner.derivatives.comparison import Comparison
from jaxsight_runner.derivatives.differentiation import Differentiable, Vector
from jaxsight_runner.derivatives.nonfinite import origin
from jaxsight_runner.derivatives.probes import Probe, Range, probes
from jaxsight_runner.protocol import GradientFinding, SourceLocation

_MOST_REPLAYS = 3


class Boundaries:
    """The points of one function."""

    def __init__(
        self,
        function: Differentiable,
        live: Sequence[int],
        ranges: Mapping[str, Range],
        blame: Blame,
        seed: int,
    ) -> None:
        """`live`: the leaves whose gradients are compared; the others are known to be cut off."""
        self._live = live
        self._function, self._blame, self._seed = function, blame, seed
        self._probes = probes(function.point, function.paths, ranges)
        self._numpy = import_module("numpy")
        self._replays = 0

    def findings(self) -> list[GradientFinding]:
        """What breaks, each line once: traps, what is wrong there, then what is not smooth."""
        found: dict[Any, GradientFinding] = {}
        for probe in self._probes:
            finding = self._at(probe)
            if finding is not None:
                found.setdefault((finding.kind, finding.place), finding)
        places = {f.place for f in found.values() if f.kind == "trap"}
        kept = [f for f in found.values() if f.kind != "singular" or f.place not in places]
        singular = [f for f in kept if f.kind == "singular"]
        return [f for f in kept if f.kind != "singular"] + singular[:1]

    def _at(self, probe: Probe) -> Optional[GradientFinding]:
        function = self._function
        if not self._finite(function.value(probe.point)):
            return None  # outside of the function's domain
        if not all(map(self._finite, function.values(*probe.point))) and not function.infinite:
            return None
        gradient = function.gradient(*probe.point)
        if not all(map(self._finite, gradient)):
            return self._broken(probe)
        return self._wrong(probe, gradient) if probe.is_compared and self._live else None

    def _broken(self, probe: Probe) -> Optional[GradientFinding]:
        if self._replays >= _MOST_REPLAYS:
            return None
        self._replays += 1
        function = self._function
        slopes = function.jax.grad(function.phi, argnums=tuple(range(len(probe.point))))
        found = origin(slopes, probe.point)
        if found is None or found.place is None:
            return None
        if found.masked and not probe.is_extreme:
            message = (
                f"{probe.words}, the gradient is NaN although the value is finite: {found.words} is not "
                "finite there, and a `where` (or `maximum`) that takes the other side does not keep that out of the "
                "gradient; give the operation itself a safe argument, too"
            )
            return GradientFinding("trap", "warning", message, found.place)
        message = f"{probe.words}, the gradient is not finite although the value is: {found.words}"
        return GradientFinding("singular", "note", message, found.place)

    def _wrong(self, probe: Probe, gradient: Vector) -> Optional[GradientFinding]:
        """Only what differences settle, here and beside, is called wrong."""
        function = self._function
        comparison = Comparison(function, probe.point, gradient, 1, self._seed)
        check = comparison.group(self._live, 2)
        if check.verdict != "wrong" or check.worst is None:
            return None
        if check.worst.kinked or not check.worst.settled:
            return None
        ratio = f"{check.worst.analytic:.6g} where differences give {check.worst.numeric:.6g}"
        guilty = self._blame.rules(probe.point, 1e-3)
        place, last = None, None
        words = ""
        if guilty and guilty[0].place:
            place, last = SourceLocation(*guilty[0].place), guilty[0].last_line
            words = f": the rule of `{guilty[0].name}` on line {place.line} is not its derivative"
        message = f"{probe.words}, the gradient is wrong ({ratio}){words}"
        return GradientFinding("elsewhere", "error", message, place, last)

    def _finite(self, value: Any) -> bool:
        return bool(self._numpy.all(self._numpy.isfinite(self._numpy.asarray(value))))

"""Random programs with branches and loops compute under `jax.jit` after the fixes what Python computes without."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
pytest.importorskip("jax", reason="the programs are run by JAX")

from jaxsight_analyzers.diagnostic import Fix
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.source import SourceFile

KINDS = ("use-cond", "use-lambdas", "use-while-loop", "use-operators")
INPUTS = ((0.3, 1.7), (-1.2, 0.4), (2.5, -2.0))


class Programs:
    """Functions of `x` and `y` that assign, branch, loop and return at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loops = 0

    def program(self) -> str:
        """A whole file."""
        lines, names, leaves = self._block(["x", "y"], "    ", 0)
        if not leaves:
            lines.append(f"    return {self._value(names)} + 0.0 * x")
        return "\n".join(
            ["import jax", "import jax.numpy as jnp", "", "@jax.jit", "def f(x, y):", *lines, ""]
        )

    def _value(self, names: list[str], depth: int = 0) -> str:
        kind = self.random.random()
        if depth > 1 or kind < 0.35:
            return self.random.choice(names)
        if kind < 0.5:
            return self.random.choice(("0.5", "1.0", "2.0", "-1.5"))
        if kind < 0.8:
            operator = self.random.choice("+-*")
            return f"({self._value(names, depth + 1)} {operator} {self._value(names, depth + 1)})"
        inner = self._value(names, depth + 1)
        return f"jnp.sin({inner})" if kind < 0.9 else f"jnp.sqrt(jnp.abs({inner}))"

    def _test(self, names: list[str]) -> str:
        def one() -> str:
            operator = self.random.choice(("<", ">", "<=", ">="))
            return f"{self._value(names, 1)} {operator} {self._value(names, 1)}"

        forms = (one(), one(), f"not {one()}", f"{one()} and {one()}", f"{one()} or not {one()}")
        chain = f"{self.random.choice(names)} < {self.random.choice(names)} < 1.5"
        return self.random.choice((*forms, chain))

    def _block(
        self, names: list[str], indent: str, depth: int
    ) -> tuple[list[str], list[str], bool]:
        """Its lines, the names that have a value at its end, and whether it returns."""
        lines: list[str] = []
        names = list(names)
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.random()
            if kind < 0.5 or depth > 1:
                lines.append(indent + self._assignment(names))
            elif kind < 0.85:
                written, names, leaves = self._branch(names, indent, depth)
                lines += written
                if leaves:
                    return lines, names, True
            else:
                lines += self._loop(names, indent)
        return lines, names, False

    def _assignment(self, names: list[str]) -> str:
        name = self.random.choice(("x", "y", "t", "u"))
        if name in names and self.random.random() < 0.3:
            return f"{name} {self.random.choice(('+=', '-=', '*='))} {self._value(names)}"
        written = f"{name} = {self._value(names)}"
        if name not in names:
            names.append(name)
        return written + ("  # why" if self.random.random() < 0.1 else "")

    def _branch(
        self, names: list[str], indent: str, depth: int
    ) -> tuple[list[str], list[str], bool]:
        lines: list[str] = []
        ends: list[list[str]] = []
        heads = ["if", *["elif"] * self.random.choice((0, 0, 0, 1, 2))]
        heads += ["else"] * (self.random.random() < 0.6)
        for head in heads:
            test = "" if head == "else" else f" {self._test(names)}"
            lines.append(f"{indent}{head}{test}:")
            body, known, leaves = self._block(names, indent + "    ", depth + 1)
            if not leaves and self.random.random() < 0.25:
                body.append(f"{indent}    return {self._value(known)}")
                leaves = True
            lines += body
            ends += [] if leaves else [known]
        if heads[-1] != "else":
            ends.append(names)
        kept = [n for n in ("x", "y", "t", "u") if all(n in end for end in ends)]
        return lines, kept, not ends

    def _loop(self, names: list[str], indent: str) -> list[str]:
        count, self.loops = f"k{self.loops}", self.loops + 1
        body, _, _ = self._block(names, indent + "    ", 2)
        test = self.random.choice((f"{count} < x", f"{count} < 3 and {count} < y"))
        head = [f"{indent}{count} = 0.0", f"{indent}while {test}:"]
        return [*head, *body, f"{indent}    {count} = {count} + 1.0"]


def rewritten(code: str) -> tuple[str, Analysis]:
    """A program after one structural fix after the other."""
    while True:
        analysis = analyse(SourceFile("a.py", code))
        assert analysis.crashes == ()
        fix = _first_fix(analysis)
        if fix is None:
            return code, analysis
        for edit in sorted(fix.edits, reverse=True):
            code = code[: edit.span.start] + edit.text + code[edit.span.end :]


def _first_fix(analysis: Analysis) -> Fix | None:
    for diagnostic in analysis.diagnostics:
        for reference in diagnostic.finding.fixes:
            if reference.kind in KINDS:
                fix = analysis.fix(diagnostic, reference)
                assert fix is not None, "what is offered can be written"
                return fix
    return None


def function(code: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names["f"]


def plainly(code: str, x: object, y: object) -> object:
    """What Python computes; None where it takes too long to find out."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        return function(code.replace("@jax.jit\n", ""))(x, y)
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 60, 15))
def test_rewritten_programs_compute_what_python_computes(start: int) -> None:
    import jax.numpy as jnp
    import numpy as np

    compared = 0
    for seed in range(start, start + 15):
        code = Programs(seed).program()
        fixed, analysis = rewritten(code)
        if fixed == code or analysis.diagnostics:
            continue  # not all of it can be rewritten
        for given in INPUTS:
            x, y = (jnp.float32(value) for value in given)
            expected = plainly(code, x, y)
            if expected is not None:
                found = function(fixed)(x, y)
                same = np.allclose(found, expected, rtol=1e-3, atol=1e-3, equal_nan=True)  # pyright: ignore[reportArgumentType]
                assert same, f"{given}: {found}, not {expected}\n{code}\n{fixed}"
                compared += 1
    assert compared > 2

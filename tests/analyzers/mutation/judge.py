"""Whether the engine finds a mistake where it is, and only there; and the table of how often."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Diagnostic, Severity
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.mutation.program import Mutant, Program

KEYS = ("key-reuse", "key-reuse-in-loop")
"""Two rules for one mistake: what an iteration uses again is often what the next one splits."""

VERSIONS = {"jax": "0.10.2", "flax": "0.12.8", "optax": "0.2.8"}


class Outcome(Enum):
    """What the engine made of a mutant."""

    FOUND = "found"
    MISSED = "missed"
    ELSEWHERE = "elsewhere"  # something is reported that was not changed


class Judged(NamedTuple):
    """One mutant and what became of it."""

    program: str
    mutant: Mutant
    outcome: Outcome
    certain: bool  # as an error, where the rule has errors
    reported: tuple[str, ...]


def judge(program: Program, mutant: Mutant) -> Judged:
    """What the engine reports in a mutant that it does not report in the program."""
    before = Counter(_known(program.text))
    there: list[Diagnostic] = []
    elsewhere: list[str] = []
    for each in _found(mutant.text):
        key = _key(mutant.text, each)
        if before[key]:
            before[key] -= 1
        elif _expected(each, mutant) and _line(mutant.text, each) in mutant.lines:
            there.append(each)
        else:
            elsewhere.append(f"{_line(mutant.text, each)} {each.rule} {each.message}")
    outcome = Outcome.ELSEWHERE if elsewhere else Outcome.FOUND if there else Outcome.MISSED
    certain = any(each.severity is Severity.ERROR for each in there)
    return Judged(program.name, mutant, outcome, certain, tuple(elsewhere))


@lru_cache(maxsize=1)  # a program is followed by its other mutants
def _known(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_key(text, each) for each in _found(text))


def _expected(diagnostic: Diagnostic, mutant: Mutant) -> bool:
    if mutant.kind == "static-made-dynamic" and diagnostic.rule == "missing-static-for-flag":
        return True  # which says it of a flag in place of `traced-if`
    return diagnostic.rule in (KEYS if mutant.rule in KEYS else (mutant.rule,))


def _found(text: str) -> tuple[Diagnostic, ...]:
    return analyse(SourceFile("program.py", text), None, VERSIONS).diagnostics


def _line(text: str, diagnostic: Diagnostic) -> int:
    return text.count("\n", 0, diagnostic.span.start) + 1


def _key(text: str, diagnostic: Diagnostic) -> tuple[str, str]:
    """The same for a finding of the program and of the mutant, whose lines may have moved."""
    return diagnostic.rule, text.split("\n")[_line(text, diagnostic) - 1].strip()


def table(judged: list[Judged]) -> str:
    """How many mutants of each kind were found, one kind a line."""
    lines = [f"{'kind':24} {'mutants':>7} {'found':>6} {'missed':>6} {'elsewhere':>9} {'rate':>6}"]
    kinds = sorted({each.mutant.kind for each in judged})
    for kind in [*kinds, "all"]:
        of = [each for each in judged if kind in ("all", each.mutant.kind)]
        counted = Counter(each.outcome for each in of)
        lines.append(
            f"{kind:24} {len(of):7} {counted[Outcome.FOUND]:6} {counted[Outcome.MISSED]:6}"
            f" {counted[Outcome.ELSEWHERE]:9} {rate(of):6.1%}"
        )
    return "\n".join(lines)


def rate(judged: list[Judged]) -> float:
    """The share that was found there and only there."""
    return sum(each.outcome is Outcome.FOUND for each in judged) / max(len(judged), 1)

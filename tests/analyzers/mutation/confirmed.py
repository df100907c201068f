"""The list of mutants that JAX found at fault, and the even choice of those that were run."""

from __future__ import annotations

from pathlib import Path

from tests.analyzers.mutation.kinds import candidates
from tests.analyzers.mutation.program import Mutant, Program

LIST = Path(__file__).parent / "confirmed.txt"
AT_MOST = {
    "return-in-branch": 5,
    "print": 4,
    "numpy-for-jax-numpy": 5,
    "removed-name": 3,
    "parent-for-subkey": 4,
    "sibling-subkey": 4,
}
"""How many of a kind are tried in one program; what is rarer is tried everywhere."""


def sampled(program: Program) -> list[Mutant]:
    """The candidates of a program, those of frequent kinds thinned out evenly."""
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in candidates(program):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    chosen: list[Mutant] = []
    for kind, mutants in by_kind.items():
        limit = min(AT_MOST.get(kind, len(mutants)), len(mutants))
        chosen += [mutants[number * len(mutants) // limit] for number in range(limit)]
    return chosen


def read() -> dict[str, tuple[str, set[str]]]:
    """For each program: the digest of its text when it was run, and its confirmed mutants."""
    found: dict[str, tuple[str, set[str]]] = {}
    name = ""
    for line in LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []:
        if line.startswith("# "):
            _, name, digest = line.split(" ")
            found[name] = digest, set()
        elif line:
            found[name][1].add(line)
    return found


def write(program: Program, mutants: list[Mutant]) -> None:
    """Puts the confirmed mutants of a program in the list, in place of what it had there."""
    found = read()
    found[program.name] = program.digest, {identity(mutant) for mutant in mutants}
    blocks = [
        "\n".join([f"# {name} {digest}", *sorted(confirmed)])
        for name, (digest, confirmed) in sorted(found.items())
    ]
    LIST.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def identity(mutant: Mutant) -> str:
    """What the list calls a mutant."""
    return f"{mutant.kind} {mutant.place}"

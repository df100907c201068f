"""One mistake is made in a correct program: the engine finds it there and only there.

pytest -s tests/analyzers/test_mutation.py      prints the table, and each mutant that was not found
"""

from __future__ import annotations

import pytest

from tests.analyzers.mutation.confirmed import identity, read
from tests.analyzers.mutation.installed import installed
from tests.analyzers.mutation.judge import Judged, Outcome, judge, rate, table
from tests.analyzers.mutation.kinds import made
from tests.analyzers.mutation.programs import programs

OVERALL = 0.85
EACH_KIND = 0.70


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """All mutants that JAX itself finds at fault, judged."""
    found: list[Judged] = []
    confirmed = read()
    for program in programs():
        names = confirmed[program.name][1] if program.name in confirmed else set[str]()
        if names:
            found += [judge(program, m) for m in made(program) if identity(m) in names]
    assert len(found) == sum(len(names) for _, names in confirmed.values())
    found += [judge(program, mutant) for program, mutant in installed()]
    print(f"\n{table(found)}")
    for each in found:
        if each.outcome is not Outcome.FOUND:
            mutant = each.mutant
            print(each.outcome.value, each.program, identity(mutant), mutant.lines, *each.reported)
    return found


def test_the_programs_are_those_that_jax_ran() -> None:
    """After a change to a program: `python -m tests.analyzers.mutation.confirm PROGRAM`."""
    by_name = {program.name: program.digest for program in programs()}

    assert {name: digest for name, (digest, _) in read().items()} == {
        name: by_name.get(name) for name in read()
    }


def test_mistakes_are_found_there_and_only_there(judged: list[Judged]) -> None:
    assert rate(judged) >= OVERALL


@pytest.mark.parametrize(
    "kind",
    [
        "cond-to-if",
        "helper-key-dropped",
        "item-assignment",
        "jit-in-loop",
        "key-not-rebound",
        "numpy-for-jax-numpy",
        "parent-for-subkey",
        "print",
        "removed-name",
        "return-in-branch",
        "sibling-subkey",
        "spent-key-passed-on",
        "split-dropped-in-loop",
        "static-made-dynamic",
        "where-to-if",
        "where-to-ternary",
    ],
)
def test_mistakes_of_each_kind_are_found(judged: list[Judged], kind: str) -> None:
    of_kind = [each for each in judged if each.mutant.kind == kind]

    assert len(of_kind) > 0
    assert rate(of_kind) >= EACH_KIND

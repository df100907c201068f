"""All mutators, and the candidates that they make of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.analyzers.mutation import arrays, branches, keys
from tests.analyzers.mutation.program import Mutant, Program

MUTATORS: tuple[Callable[[Program], Iterator[Mutant]], ...] = (
    keys.parent_for_subkey,
    keys.sibling_subkey,
    keys.key_not_rebound,
    keys.split_dropped_in_loop,
    keys.spent_key_returned,
    keys.helper_key_dropped,
    branches.where_to_ternary,
    branches.where_to_if,
    branches.where_to_return,
    branches.early_return,
    branches.cond_to_if,
    branches.cond_to_ternary,
    branches.static_made_dynamic,
    arrays.numpy_for_jax,
    arrays.item_assignment,
    arrays.debug_print,
    arrays.print_added,
    arrays.jit_in_loop,
    arrays.removed_name,
)


def made(program: Program) -> Iterator[Mutant]:
    """Every mutant of a program."""
    for mutator in MUTATORS:
        yield from mutator(program)


def candidates(program: Program) -> list[Mutant]:
    """Every mutant of a program that is Python; not all of them are mistakes."""
    return [mutant for mutant in made(program) if _compiles(mutant)]


def _compiles(mutant: Mutant) -> bool:
    try:
        compile(mutant.text, mutant.place, "exec")
    except SyntaxError:
        return False
    return True

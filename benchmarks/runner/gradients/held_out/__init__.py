"""Functions with right and wrong gradients, written by someone who had not seen the checker."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case
from benchmarks.runner.gradients.held_out import (
    right_modules,
    right_programs,
    right_rules,
    right_values,
    wrong_cuts,
    wrong_numbers,
    wrong_rules,
    wrong_rules_of_leaves,
    wrong_solves,
)

CASES: list[Case] = [
    *wrong_rules.CASES,
    *wrong_rules_of_leaves.CASES,
    *wrong_solves.CASES,
    *wrong_cuts.CASES,
    *wrong_numbers.CASES,
    *right_values.CASES,
    *right_programs.CASES,
    *right_rules.CASES,
    *right_modules.CASES,
]

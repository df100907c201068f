"""What is measured is what the benchmarks say they measure."""

from __future__ import annotations

import ast
from itertools import islice

import pytest
from benchmarks.edits import Document, mix
from benchmarks.texts import MISTAKEN_RULES, program

from jaxsight_analyzers.engine import check
from jaxsight_analyzers.registry import all_rules

RULES = [rule for rule in all_rules() if rule.name in MISTAKEN_RULES]


@pytest.mark.parametrize(("lines", "findings"), [(1000, 0), (1000, 10), (1000, 100), (5000, 10)])
def test_a_program_has_its_size_and_its_findings_and_is_always_the_same(
    lines: int, findings: int
) -> None:
    text = program(lines, findings, seed=findings)

    assert text == program(lines, findings, seed=findings)
    assert abs(text.count("\n") - lines) <= 0.02 * lines
    assert len(check(text, RULES)) == findings


def test_programs_are_not_one_function_again_and_again() -> None:
    tree = ast.parse(program(1000, 10))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    bodies = {ast.dump(ast.Module(node.body, [])) for node in functions}

    assert len(bodies) > 0.9 * len(functions) > 40


def test_edits_are_of_every_kind_and_leave_the_text_as_it_was() -> None:
    text = program(200)
    document, kinds, restored = Document(text), set[str](), 0
    for edit, after in islice(mix(text), 600):
        document.apply(edit)
        kinds.add(edit.kind)
        restored += after == text
        assert document.text == after

    assert kinds == {"rename", "newline", "type", "indent", "paste", "delete", "undo"}
    assert restored > 20

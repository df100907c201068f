"""A function run without the rest of its file gives what it gives after an import, or is refused."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.runner.conftest import Bench
from tests.runner.generated_scripts import script
from tests.runner.slice_programs import EXACT, REFUSED, Script

from jaxsight_runner.loading.definitions import running_statements
from jaxsight_runner.protocol import BenchmarkReport, Failure, Question
from jaxsight_runner.slicing.plan import Obstacle, Slice, plan


def sliced(text: str, target: str) -> tuple[ast.Module, Slice | None, Obstacle | None]:
    tree = ast.parse(text)
    found, obstacle = plan(tree, running_statements(tree), [target], target)
    return tree, found, obstacle


def executed(tree: ast.Module, call: str) -> Any:
    os.environ.pop("JAXSIGHT_SLICE", None)
    module = ModuleType("sliced_script")
    sys.modules[module.__name__] = module
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(tree, "script.py", "exec", dont_inherit=True), vars(module))
        return eval(call, vars(module))


def test_scripts_made_by_chance_give_the_same_or_are_refused() -> None:
    seen: Counter[str] = Counter()
    for seed in range(700):
        text = script(seed)
        tree, found, _ = sliced(text, "f")
        if found is None:
            seen["refused"] += 1
            continue
        try:
            whole = executed(tree, "f()")
        except Exception:  # a script that does not run has no result to compare with
            continue
        address = re.compile("0x[0-9a-f]+")
        part = executed(found.tree, "f()")
        assert address.sub("", part) == address.sub("", whole), f"seed {seed}\n{text}"
        seen["exact"] += 1
    assert seen["exact"] >= 80 and seen["refused"] >= 200, seen


@pytest.mark.parametrize("program", EXACT, ids=lambda program: program.name)
def test_the_slice_gives_what_the_import_gives(
    program: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script.py"])
    tree, found, obstacle = sliced(program.text, program.target)
    assert found is not None, obstacle
    assert found.left_out
    whole: list[Any] = jax.tree_util.tree_leaves(executed(tree, program.call))
    part: list[Any] = jax.tree_util.tree_leaves(executed(found.tree, program.call))
    assert len(whole) == len(part)
    for one, other in zip(whole, part):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.name)
def test_what_cannot_be_left_out_is_named(program: Script) -> None:
    _, found, obstacle = sliced(program.text, program.target)
    assert found is None and obstacle is not None
    line = program.text.splitlines()[obstacle.line - 1]
    assert program.obstacle and line.strip().startswith(program.obstacle), obstacle


def test_what_an_import_of_another_file_may_read_comes_before_it() -> None:
    text = "import numpy as np\nfor i in range(2): np.random.rand()\nfrom . import helper\ndef f(x): return x\n"
    _, found, obstacle = sliced(text, "f")
    assert found is not None, obstacle
    assert found.left_out == (2, 3)


def test_an_input_from_a_file_may_be_one_that_the_script_writes() -> None:
    tree = ast.parse("for i in range(2): open('x.npy', 'w')\ndef f(x): return x\n")
    assert plan(tree, running_statements(tree), ["f"], "f")[0] is not None
    assert plan(tree, running_statements(tree), ["f"], "f", reads_files=True)[0] is None


def test_what_is_deleted_after_it_was_left_out_is_left_out() -> None:
    _, found, _ = sliced("for i in range(2): last = i\ndel last\ndef f(x): return x\n", "f")
    assert found is not None and found.left_out == (1, 2)


SCRIPT = """
SCALE = 2.0
table = []
def f(x):
    return x * SCALE
def g(x):
    return x * table[1]
def h(x):
    return x + missing
for i in range(3):
    print("ran"); table.append(i)
"""


async def test_a_report_says_what_was_left_out(bench: Bench) -> None:
    seen = await bench(SCRIPT, "x: f32")
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    assert seen.outcome.target.left_out == (10,)
    assert "not run, as `f` does not need it: line 10" in seen.outcome.notes
    assert "ran" not in seen.printed
    whole = await bench(SCRIPT, "x: f32", import_file=True)
    assert isinstance(whole.outcome, BenchmarkReport) and whole.outcome.target.left_out == ()
    assert "ran" in whole.printed


async def test_the_question_names_the_line_that_forbids_it_first(bench: Bench) -> None:
    outcome = (await bench("import time\nfor _ in []: pass\n" + SCRIPT, "x: f32", "g")).outcome
    assert isinstance(outcome, Question)
    assert [line.line for line in outcome.lines] == [12, 2]
    assert "line 12 cannot be left out: it may change `table`, which `g` needs" in outcome.message
    mentioned = (await bench(SCRIPT, "x = table[0]")).outcome
    assert isinstance(mentioned, Question) and mentioned.lines[0].line == 10


async def test_a_function_that_needs_the_command_line_is_told_what_to_do(bench: Bench) -> None:
    text = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("rate", type=float)
        args = parser.parse_args()
        def f(x):
            return x * args.rate
        """
    asked = (await bench(text, "x: f32")).outcome
    assert isinstance(asked, Question) and asked.lines[0].line == 5
    assert "the command line is empty then" in asked.message
    assert asked.message.endswith("or hand `f` what it needs of them as an argument")
    failure = (await bench(text, "x: f32", import_file=True)).outcome
    assert isinstance(failure, Failure) and failure.kind == "import" and failure.line == 5
    assert "reads its command line, which is empty here" in failure.message


async def test_lines_of_errors_are_those_of_the_file(bench: Bench) -> None:
    outcome = (await bench("for _ in []: pass\n" + SCRIPT, "x: f32", "h")).outcome
    assert isinstance(outcome, Failure)
    assert outcome.line == 10 and "return x + missing" in (outcome.traceback or "")


async def test_what_is_not_installed_is_left_out_where_it_is_not_needed(bench: Bench) -> None:
    text = """
        import jaxsight_no_such_module as missing
        from jaxsight_no_such_module import load
        missing.prepare(0)
        def data() -> missing.Dataset:
            return load()
        def f(x):
            return x + 1
        def g(x):
            return missing.change(x)
        """
    report = (await bench(text, "x: f32")).outcome
    assert isinstance(report, BenchmarkReport), report
    assert report.target.left_out == (2, 3, 4, 5)
    failure = (await bench(text.replace("missing.prepare(0)", ""), "x: f32", "g")).outcome
    assert isinstance(failure, Failure) and failure.kind == "missing-module"


async def test_another_file_that_looks_back_at_this_one_is_a_reason_to_ask(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "looking.py").write_text("import target\ndef scaled(x): return x * target.SCALE\n")
    text = "import looking\nSCALE = 1.0\ndef f(x): return looking.scaled(x)\nfor SCALE in (2.0, 3.0): pass\n"
    outcome = (await bench(text, "x: f32")).outcome
    assert isinstance(outcome, Question)
    assert "looking.py imports this file: `import target`" in outcome.message

"""What holds for any program, not only for those we thought of."""

from __future__ import annotations

import ast
import importlib.util
import random
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsight_analyzers.diagnostic import Applicability, Diagnostic, Span
from jaxsight_analyzers.engine import Analysis, analyse, apply_fixes, fix_all
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

NAME = st.sampled_from(["x", "y", "é", "key", "params"])
EXPRESSION = st.sampled_from(
    [
        *("jnp.zeros(3)", "np.zeros(3)", "[0.0]", "x", "x + 1", "é", "np.sin(x)", "x > 0"),
        *("jax.random.normal(key)", "jax.random.split(key)", "jax.jit(lambda v: v)(x)", "f(x)"),
        *("x if y > 0 else é", "jax.lax.scan(f, x, y)", "[k for k in jax.random.split(key)]"),
        *("(x, y)", "😀"),
    ]
)
INDEX = st.sampled_from(["0", "-1", "1:2", "..., 0", "x > 0", "'w'"])
SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAME, EXPRESSION),
    st.builds("{}, {} = {}".format, NAME, NAME, EXPRESSION),
    st.builds("{}[{}] {} {}".format, NAME, INDEX, st.sampled_from(["=", "+=", "@="]), EXPRESSION),
    st.builds("print({}, f'{{x}}')".format, EXPRESSION),
    st.builds("return {}".format, EXPRESSION),
    st.sampled_from(["pass", "x = 1  # é 😀", "jax.tree_map(f, x)"]),
)
STATEMENT = st.one_of(
    SIMPLE,
    st.builds("if {}:\n        {}\n    else:\n        {}".format, EXPRESSION, SIMPLE, SIMPLE),
    st.builds("for i in range(3):\n        {}".format, SIMPLE),
    st.builds("try:\n        {}\n    except Exception:\n        {}".format, SIMPLE, SIMPLE),
)
DECORATOR = st.sampled_from(
    ["", "@jax.jit\n", "@jax.vmap\n", "@partial(jax.jit, static_argnums=0)\n"]
)


def _function(decorator: str, body: list[str]) -> str:
    return f"{decorator}def f(x, y=1, key=None, *é):\n    " + "\n    ".join(body)


FUNCTION = st.builds(_function, DECORATOR, st.lists(STATEMENT, min_size=1, max_size=5))
IMPORTS = "import jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom functools import partial\n"
PROGRAM = (
    st.lists(FUNCTION, min_size=1, max_size=3)
    .map(lambda functions: IMPORTS + "\n".join(functions).replace("😀", "'😀'") + "\n")
    .filter(lambda text: _parses(text))
)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _analysed(text: str, previous: Analysis | None = None) -> Analysis:
    analysis = analyse(SourceFile("a.py", text), previous=previous)
    assert analysis.crashes == ()
    return analysis


def _shown(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[Span, str, str]]:
    return [(d.span, d.rule, d.message) for d in diagnostics]


@given(PROGRAM)
def test_fixes_keep_the_program_parseable_and_converge(program: str) -> None:
    once = fix_all(SourceFile("a.py", program), Config(), {}, Applicability.UNSAFE)

    ast.parse(once)
    assert once == fix_all(SourceFile("a.py", once), Config(), {}, Applicability.UNSAFE)


@given(PROGRAM)
def test_fixes_leave_text_outside_their_edits_alone(program: str) -> None:
    analysis = _analysed(program)
    for diagnostic in analysis.diagnostics:
        for fix in analysis.fixes(diagnostic):
            edits = sorted(fix.edits)
            assert all(a.span.end <= b.span.start for a, b in pairwise(edits))
            assert all(0 <= e.span.start <= e.span.end <= len(program) for e in edits)


@given(PROGRAM)
def test_a_fix_of_one_finding_parses(program: str) -> None:
    analysis = _analysed(program)
    for rule in {d.rule for d in analysis.diagnostics}:
        ast.parse(apply_fixes(analysis, Applicability.UNSAFE, {rule}))


@given(PROGRAM)
def test_check_is_a_function_of_the_text(program: str) -> None:
    assert _analysed(program).diagnostics == _analysed(program).diagnostics


@given(PROGRAM, st.integers(0, 20))
def test_a_blank_line_moves_findings_and_changes_nothing_else(program: str, where: int) -> None:
    lines = program.split("\n")
    before = _analysed(program)
    at = next((i for i in range(min(where, len(lines) - 1), -1, -1) if lines[i][:1] in "id@"), 0)
    start = sum(len(line) + 1 for line in lines[:at])
    after = _analysed(program[:start] + "\n" + program[start:])

    moved = [
        (Span(span.start + (span.start >= start), span.end + (span.end > start)), rule, message)
        for span, rule, message in _shown(before.diagnostics)
    ]
    assert _shown(after.diagnostics) == moved


@given(st.text(max_size=200))
def test_any_text_is_checked_without_raising(text: str) -> None:
    _analysed(text)


@given(PROGRAM, st.data())
@settings(max_examples=60, deadline=None)
def test_any_cut_of_a_program_is_checked_without_raising(program: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(program)))
    whole = _analysed(program)

    _analysed(program[:cut], whole)
    _analysed(program[cut:], whole)


@cache
def _installed_sources() -> tuple[Path, ...]:
    found: list[Path] = []
    for name in ("jax", "flax", "optax", "numpyro"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        found.extend(sorted(Path(spec.origin).parent.rglob("*.py")))
    return tuple(found)


@pytest.mark.skipif(
    not _installed_sources(), reason="needs the sources of jax to cut up: uv sync --group jax"
)
def test_random_cuts_of_real_files_are_checked_without_raising() -> None:
    chance = random.Random(7)
    for path in chance.sample(_installed_sources(), 12):
        text = path.read_text(encoding="utf-8", errors="replace")[:20_000]
        whole = _analysed(text)
        for _ in range(3):
            start = chance.randrange(len(text) + 1)
            end = chance.randrange(start, len(text) + 1)
            _analysed(text[:start] + text[end:], whole)

"""What JAX says where a rule would have warned: the texts are JAX's own, and lead to the rule.

The programs stand in `proofs/errors.md`, and in the proofs of the fixes.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.errors import by_kind, matches, rules_that_prevent
from jaxsight_analyzers.registry import all_rules, rule_named
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import without_markers
from tests.analyzers.proofs.programs import proofs

PROOFS = Path(__file__).parent / "proofs"
_SECTION = re.compile(r"^## (?P<rule>\S+)\n(?P<body>.*?)(?=^## |\Z)", re.M | re.S)
_BLOCK = re.compile(r"^```py\n(?P<code>.*?)^```$", re.M | re.S)

NOT_OF_THIS_JAX = {
    "TypeError: '...' object does not support item assignment. JAX arrays are immutable",
    "IndexError: Array slice indices must have static start/stop/step to be used with NumPy indexing syntax",
}
"""What other releases say, which people still have."""


OTHER_WORDS = {
    "haiku-apply-arguments::A key too many",
    "lax-callee-not-function::JAX gives the counter first",
}
"""Proofs of which what is raised depends on the program, and does not tell the mistake."""


class Program(NamedTuple):
    """A program that fails, and the rule that would have warned."""

    rule: str
    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.rule}-{self.number}"


def programs() -> list[Program]:
    text = (PROOFS / "errors.md").read_text(encoding="utf-8")
    return [
        Program(section["rule"], number, block["code"])
        for section in _SECTION.finditer(text)
        for number, block in enumerate(_BLOCK.finditer(section["body"]))
    ]


PROGRAMS = programs()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each program and of each proof, by its code."""
    pytest.importorskip("jax", reason="the programs are run by JAX")
    raising = [proof for proof in proofs() if proof.before.startswith("raises")]
    texts = [program.code for program in PROGRAMS]
    texts += [without_markers(proof.code) for proof in raising]
    done = subprocess.run(
        [sys.executable, str(PROOFS / "worker.py")],
        input=json.dumps(texts).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=tmp_path_factory.mktemp("programs"),  # some save files
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    return dict(zip(texts, pickle.loads(done.stdout), strict=True))


def raised(outcome: dict[str, Any]) -> tuple[list[str], str]:
    """The classes of what a program raised, the own one first, and its message."""
    assert "raised" in outcome, "it does not fail"
    return outcome["raised"], outcome["message"]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_the_rule_finds_the_mistake(program: Program) -> None:
    config = Config(extend_select=(program.rule,))
    found = analyse(SourceFile("a.py", program.code), config, {"jax": metadata.version("jax")})

    assert program.rule in {diagnostic.rule for diagnostic in found.diagnostics}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_jax_says_what_the_rule_says_it_says(
    program: Program, outcomes: dict[str, dict[str, Any]]
) -> None:
    kinds, message = raised(outcomes[program.code])
    rule = rule_named(program.rule)

    assert rule is not None
    assert any(matches(error, kinds[:1], message) for error in rule.errors), (kinds[0], message)
    assert rule in rules_that_prevent(kinds[0], message)


@pytest.mark.slow
@pytest.mark.parametrize(
    "proof",
    [one for one in proofs() if one.before.startswith("raises") and str(one) not in OTHER_WORDS],
    ids=str,
)
def test_a_proof_raises_what_the_rule_says(proof: Any, outcomes: dict[str, dict[str, Any]]) -> None:
    kinds, message = raised(outcomes[without_markers(proof.code)])
    rule = rule_named(proof.rule)

    assert rule is not None
    assert any(matches(error, kinds, message) for error in rule.errors), (kinds[0], message)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", [rule for rule in all_rules() if rule.errors], ids=lambda r: r.name
)
def test_jax_says_each_text_of_a_rule(rule: Any, outcomes: dict[str, dict[str, Any]]) -> None:
    codes = [program.code for program in PROGRAMS if program.rule == rule.name]
    codes += [without_markers(proof.code) for proof in proofs() if proof.rule == rule.name]
    said = [raised(outcomes[code]) for code in codes if "raised" in outcomes.get(code, ())]
    unsaid = [error for error in rule.errors if not any(matches(error, *one) for one in said)]

    assert set(unsaid) <= NOT_OF_THIS_JAX


def test_a_text_of_another_error_does_not_match() -> None:
    assert matches("TypeError: '...Tracer' is", ["TypeError"], "'JitTracer' is it")
    assert not matches("TypeError: '...Tracer' is", ["ValueError"], "'JitTracer' is it")
    assert not matches("TypeError: '...Tracer' is", ["TypeError"], "'int' is it")
    assert not matches("TypeError: (x", ["TypeError"], "x")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("while x < 10:", "traced-while"),
        ("if x < 10:", "traced-if"),
        ("y = 1 if x < 10 else 2", "traced-if"),
        ("assert x < 10", "traced-assert"),
        ("return x > 0 and x < 1", "traced-bool-op"),
    ],
)
def test_the_line_tells_rules_with_the_same_error_apart(line: str, rule: str) -> None:
    message = "Attempted boolean conversion of traced array with shape bool[]."

    assert rules_that_prevent("TracerBoolConversionError", message, line)[0].name == rule


def test_each_exception_of_tracing_is_prevented_by_some_rule() -> None:
    assert {
        "ConcretizationTypeError",
        "NonConcreteBooleanIndexError",
        "TracerArrayConversionError",
        "TracerBoolConversionError",
        "TracerIntegerConversionError",
        "UnexpectedTracerError",
    } <= set(by_kind())

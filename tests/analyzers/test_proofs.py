"""Each kind of fix is run by JAX: before it the mistake is seen, after it is not, and values agree.

What a proof looks like is said in `proofs/programs.py`.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jaxsight_analyzers.diagnostic import Applicability, Edit, Fix
from jaxsight_analyzers.engine import Analysis, analyse, fix_all
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import assert_matches, without_markers
from tests.analyzers.proofs.programs import Proof, proofs

pytest.importorskip("jax", reason="the proofs are run by JAX")

PROOFS = list(proofs())
WORKER = Path(__file__).parent / "proofs" / "worker.py"
Outcome = dict[str, Any]


def versions() -> dict[str, str]:
    """Those of the environment that the proofs run in."""
    return {name: metadata.version(name) for name in ("jax", "flax", "optax", "chex", "numpyro")}


def with_rule(proof: Proof) -> Config:
    """All stable rules and the one that is proved, which may be in preview."""
    return Config(extend_select=(proof.rule,))


def fixed(proof: Proof) -> str:
    """The program after the fixes of its rule, again and again until there are none."""
    code = without_markers(proof.code)
    if proof.kind is None:
        least = Applicability.SAFE if proof.is_safe else Applicability.UNSAFE
        return fix_all(
            SourceFile("a.py", code), with_rule(proof), versions(), least, only={proof.rule}
        )
    for _ in range(8):
        analysis = analyse(SourceFile("a.py", code), with_rule(proof), versions())
        chosen = next(fixes_of_kind(analysis, proof), None)
        if chosen is None:
            break
        code = applied(code, chosen.edits)
    return code


def fixes_of_kind(analysis: Analysis, proof: Proof) -> Iterator[Fix]:
    for diagnostic in analysis.diagnostics:
        for reference in diagnostic.finding.fixes if diagnostic.rule == proof.rule else ():
            if reference.kind == proof.kind:
                fix = analysis.fix(diagnostic, reference)
                assert fix is not None
                assert not proof.is_safe or fix.applicability is Applicability.SAFE
                yield fix


def applied(code: str, edits: Sequence[Edit]) -> str:
    for edit in sorted(edits, reverse=True):
        code = code[: edit.span.start] + edit.text + code[edit.span.end :]
    return code


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[Proof, tuple[Outcome, Outcome]]:
    """What came of each chosen program before and after its fix. One process imports JAX for all of them."""
    items: list[Any] = request.session.items
    wanted: list[Proof] = [
        item.callspec.params["proof"]
        for item in items
        if getattr(item, "function", None) is test_jax_agrees
    ]
    texts = [text for proof in wanted for text in (without_markers(proof.code), fixed(proof))]
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps(texts).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=tmp_path_factory.mktemp("programs"),  # some save files
        env={**os.environ, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"},
    )
    found: list[Outcome] = pickle.loads(done.stdout)
    return {proof: (found[2 * n], found[2 * n + 1]) for n, proof in enumerate(wanted)}


@pytest.mark.parametrize("proof", PROOFS, ids=str)
def test_it_is_found_and_after_the_fix_it_is_not(proof: Proof) -> None:
    code = proof.code
    found = analyse(SourceFile("a.py", code), with_rule(proof), versions()).diagnostics
    assert_matches(code, found)
    after = fixed(proof)
    assert after != without_markers(code), "nothing was fixed"
    ast.parse(after)
    assert list(analyse(SourceFile("a.py", after), with_rule(proof), versions()).diagnostics) == []


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=str)
def test_jax_agrees(proof: Proof, outcomes: dict[Proof, tuple[Outcome, Outcome]]) -> None:
    before, after = outcomes[proof]
    what, _, detail = proof.before.partition(" ")

    assert "raised" not in after, f"the fixed program fails: {after.get('message')}\n{fixed(proof)}"
    assert after["result"] is not None, "a proof leaves what it computes in `result`"
    if what == "raises":
        assert detail in before.get("raised", ()), f"before: {before}"
    else:
        assert "raised" not in before, before
        CHECKS[what](before, after, detail)
    if after["expected"] is not None:
        assert differences(after["result"], after["expected"]) == []
    elif what in ("lowers", "warns", "agrees"):
        assert differences(after["result"], before["result"]) == []


def differs(before: Outcome, after: Outcome, detail: str) -> None:
    assert after["expected"] is not None, (
        "a program that `differs` says what is right in `expected`"
    )
    assert differences(before["result"], after["expected"]) != []


def nan(before: Outcome, after: Outcome, detail: str) -> None:
    assert not is_finite(before["result"])
    assert is_finite(after["result"])


def repeats(before: Outcome, after: Outcome, detail: str) -> None:
    assert has_equal_parts(before["result"])
    assert not has_equal_parts(after["result"])


def lowers(before: Outcome, after: Outcome, detail: str) -> None:
    assert before["lowered"] >= int(detail)
    assert after["lowered"] < before["lowered"]


def warns(before: Outcome, after: Outcome, detail: str) -> None:
    assert detail in before["warned"]
    assert detail not in after["warned"]


def agrees(before: Outcome, after: Outcome, detail: str) -> None:
    assert before["result"] is not None


CHECKS = {check.__name__: check for check in (differs, nan, repeats, lowers, warns, agrees)}


def differences(one: list[Any], other: list[Any]) -> list[str]:
    """Where two results are not the same: shapes and dtypes count, rounding does not."""
    import numpy as np

    if len(one) != len(other):
        return [f"{len(one)} leaves, {len(other)} leaves"]
    found: list[str] = []
    for number, (a, b) in enumerate(zip(one, other)):
        if a.shape != b.shape or a.dtype != b.dtype:
            found.append(f"leaf {number}: {a.dtype}{a.shape}, {b.dtype}{b.shape}")
        elif a.dtype.kind == "U":
            if str(a) != str(b):
                found.append(f"leaf {number}: {a}, {b}")
        elif not np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True):
            found.append(f"leaf {number}: {a}, {b}")
    return found


def is_finite(result: list[Any]) -> bool:
    import numpy as np

    return all(bool(np.isfinite(leaf).all()) for leaf in result)


def has_equal_parts(result: list[Any]) -> bool:
    import numpy as np

    parts = [part for leaf in result for part in (leaf if leaf.ndim > 0 else [leaf])]
    assert len(parts) > 1, "`result` has several parts that may be equal"
    return any(np.array_equal(a, b) for number, a in enumerate(parts) for b in parts[number + 1 :])


# That nothing lacks a proof


def kinds_of(rule: Rule) -> tuple[set[str], bool]:
    """The kinds of fixes that a rule's module speaks of, and whether it speaks of safe ones."""
    module = inspect.getmodule(rule.check)
    assert module is not None
    source = inspect.getsource(module)
    kinds = set(re.findall(r"FixRef\(\s*\"([a-z-]+)\"", source))
    if "cure.kind" in source:  # those that its helpers write out
        kinds |= kinds_of_cures(module, set())
    return kinds, "Applicability.SAFE" in source


def kinds_of_cures(module: ModuleType, seen: set[str]) -> set[str]:
    """The kinds of cures that a module and the modules it imports speak of."""
    source = inspect.getsource(module)
    kinds = set(re.findall(r"\bCure\(\s*\"([a-z-]+)\"", source))
    seen.add(module.__name__)
    for inner in vars(module).values():
        if isinstance(inner, ModuleType) and inner.__name__ not in seen and hasattr(inner, "Cure"):
            kinds |= kinds_of_cures(inner, seen)
    return kinds


@pytest.mark.parametrize(
    "rule", [rule for rule in all_rules() if rule.fix is not None], ids=lambda rule: rule.name
)
def test_every_kind_of_fix_has_a_proof(rule: Rule) -> None:
    mine = [proof for proof in PROOFS if proof.rule == rule.name]
    kinds, is_safe = kinds_of(rule)
    # rules that share their fixes with others name no kinds
    assert mine
    if len(kinds) > 1:
        assert kinds <= {proof.kind for proof in mine}
    if is_safe:
        assert any(proof.is_safe for proof in mine), "what is safe is proved with safe fixes alone"

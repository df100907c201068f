"""What the engine does with rules, whatever the rules are."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import pytest

from jaxsight_analyzers.config import parse_config
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Diagnostic,
    Finding,
    Severity,
)
from jaxsight_analyzers.engine import Analysis, analyse, apply_fixes, fix_all
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

REUSE = """import jax

def init(key):
    a = jax.random.normal(key)
    b = jax.random.normal(
        key,  # here
    )
    return a, b
"""


def run(text: str, config: Config | None = None, previous: Analysis | None = None) -> Analysis:
    return analyse(SourceFile("a.py", text), config, previous=previous)


def names(analysis: Analysis) -> list[str]:
    return [diagnostic.rule for diagnostic in analysis.diagnostics]


@pytest.mark.parametrize(
    "text",
    [
        REUSE.replace("# here", "# jaxsight: ignore[key-reuse] why"),
        REUSE.replace("normal(\n", "normal(  # jaxsight: ignore[key-reuse]\n"),
        REUSE.replace("    b = ", "    # jaxsight: ignore[prng]\n    b = "),
        "# jaxsight: file-ignore[key-reuse]\n" + REUSE,
    ],
)
def test_a_finding_in_a_statement_of_many_lines_is_suppressed(text: str) -> None:
    analysis = run(text)

    assert names(analysis) == []
    assert analysis.suppressed == 1


def test_a_suppression_of_nothing_is_reported_and_removed() -> None:
    analysis = run("x = 1  # jaxsight: ignore[key-reuse]\n")

    assert names(analysis) == ["unused-suppression"]
    assert apply_fixes(analysis, Applicability.SAFE) == "x = 1\n"


def crash(_unit: Unit) -> Iterator[Finding]:
    raise ValueError("no")


def test_a_rule_that_fails_loses_only_its_own_findings() -> None:
    reuse = rule_named("key-reuse")
    assert reuse is not None

    analysis = analyse(
        SourceFile("a.py", REUSE), rules=[Rule("bad", Severity.ERROR, "0.1.0", crash, ()), reuse]
    )

    assert names(analysis) == ["key-reuse"]
    assert len(analysis.crashes) == 1
    assert "rule `bad` failed on a.py: ValueError('no')" in analysis.crashes[0]


def test_what_a_test_expects_to_fail_is_not_reported() -> None:
    body = "    if x > 0:\n        return x\n    return -x\n"
    text = f"import jax\nimport pytest\n\n@jax.jit\ndef f(x):\n{body}"
    expected = (
        "import jax\nimport pytest\n\ndef test(x):\n"
        "    with pytest.raises(TypeError):\n"
        "        jax.jit(lambda x: 1 if x > 0 else 2)(x)\n"
    )

    assert names(run(text)) == ["traced-if"]
    assert names(run(expected)) == []


def test_the_last_good_findings_stay_while_the_text_is_broken_and_move_with_it() -> None:
    before = run(REUSE)
    broken = "def f(:\n    ((\n  ]]\n" + REUSE

    after = run(broken, previous=before)

    assert names(after) == names(before) == ["key-reuse"]
    shift = len(broken) - len(REUSE)
    assert after.diagnostics[0].span.start == before.diagnostics[0].span.start + shift
    assert after.problems


def severity(text: str, toml: str = "") -> Severity:
    loaded = parse_config(toml, Path("jaxsight.toml"))
    assert loaded.errors == ()
    (diagnostic,) = run(text, loaded.config).diagnostics
    return diagnostic.severity


MAYBE = """import jax

def f(key, flag, x):
    if flag:
        x = jax.random.normal(key)
    return x + jax.random.normal(key)
"""


def test_only_what_is_certain_is_an_error() -> None:
    assert run(MAYBE).diagnostics[0].finding.certainty is Certainty.MAYBE
    assert severity(REUSE) is Severity.ERROR
    assert severity(MAYBE) is Severity.WARNING


def test_the_configuration_decides_how_severe_a_finding_is() -> None:
    assert severity(REUSE, '[severity]\nkey-reuse = "hint"\n').value == "hint"
    assert severity(MAYBE, '[severity]\nkey-reuse = "error"\n') is Severity.WARNING


def test_two_fixes_at_one_place_need_two_rounds() -> None:
    """Each adds an import, and in which order they should stand is not for us to guess."""
    text = (
        "from jax import jit\nimport numpy as np\nimport scipy.special\n\n@jit\ndef f(x):\n"
        "    return np.sin(x) + scipy.special.erf(x)\n"
    )
    analysis = run(text)

    once = apply_fixes(analysis, Applicability.UNSAFE)
    all_rounds = fix_all(SourceFile("a.py", text), Config(), {}, Applicability.UNSAFE)

    assert once.count("import jax.") == 1
    assert all_rounds.count("import jax.") == 2
    assert names(run(all_rounds)) == []


def test_unsafe_fixes_are_not_applied_where_safe_ones_are_asked_for() -> None:
    assert apply_fixes(run(REUSE), Applicability.SAFE) == REUSE
    assert fix_all(SourceFile("a.py", REUSE), Config(), {}, Applicability.SAFE) == REUSE


def test_only_the_fixes_asked_for_are_applied() -> None:
    assert apply_fixes(run(REUSE), Applicability.UNSAFE, {"traced-if"}) == REUSE
    assert apply_fixes(run(REUSE), Applicability.UNSAFE, {"key-reuse"}) != REUSE


def test_definitions_say_how_they_are_traced() -> None:
    analysis = run(
        "import jax\nfrom functools import partial\n\n"
        '@partial(jax.jit, static_argnames="n", donate_argnums=0)\n'
        "def step(x, n):\n    def inner(y):\n        return y\n    return inner(x)\n\n"
        "class Model:\n    def call(self):\n        return 1\n"
    )
    found = {definition.qualname: definition for definition in analysis.model.definitions}

    step = found["step"]
    assert step.runnable
    assert [context.transform for context in step.contexts] == ["jax.jit"]
    assert step.contexts[0].static == ("n",)
    assert step.contexts[0].donated == ("x",)
    assert not found["step.<locals>.inner"].runnable
    assert found["Model.call"].contexts == ()


def test_findings_come_in_the_order_of_the_text() -> None:
    text = REUSE + REUSE.replace("init", "other").replace("import jax\n", "")
    spans: list[Diagnostic] = list(run(text).diagnostics)

    assert len(spans) == 2
    assert spans[0].span.start < spans[1].span.start


def test_a_parameter_that_is_renamed_is_no_longer_known_by_its_old_name() -> None:
    text = "import jax\n\ndef draw(key: jax.Array):\n    return jax.random.split(key), jax.random.split(key)\n"
    before = run(text)

    after = run(text.replace("draw(key", "draw(seed"), previous=before)

    assert len(before.diagnostics) == 1
    assert after.diagnostics == ()


def test_a_definition_that_stood_in_for_a_broken_one_stays_known() -> None:
    text = (
        "import jax\nfrom flax import nnx\n    logits = model(x)\n    return logits\n@nnx.jit\n"
        'def step(\n    model: Classifier, x: jax.Array\n) -> jax.Array:\n    """One step."""\n@nnx.jit'
    )
    analysis = None
    for broken in (f'"""\n{text}', f'{text}\n"""', f'"""\n{text}'):
        analysis = run(broken, previous=analysis)
        assert analysis.crashes == ()


def test_two_fixes_of_one_round_do_not_take_one_name_while_both_need_it() -> None:
    code = cleandoc(
        """
        import jax

        def draw(k1, k2):
            a = jax.random.normal(k1)
            b = jax.random.normal(k2)
            c = jax.random.normal(k1)
            d = jax.random.normal(k2)
            return a, b, c, d, jax.random.normal(k1), jax.random.normal(k2)
        """
    )

    once = apply_fixes(run(code), Applicability.UNSAFE)

    assert "k1, subkey, subkey2 = jax.random.split(k1, 3)" in once
    assert "jax.random.split(k2" not in once


def test_fixes_whose_statements_lie_apart_may_take_one_name() -> None:
    code = cleandoc(
        """
        import jax

        def draw(k1, k2):
            a = jax.random.normal(k1) + jax.random.normal(k1)
            b = jax.random.normal(k2) + jax.random.normal(k2)
            return a, b
        """
    )

    once = apply_fixes(run(code), Applicability.UNSAFE)

    assert once.count("subkey = jax.random.split") == 2


def test_what_leaves_a_big_class_goes_above_it() -> None:
    members = "".join(f"    def m{n}(self):\n        return {n}\n\n" for n in range(40))
    code = (
        f"import jax\n\n\nclass Big:\n{members}    def twice(self, x):\n"
        "        return jax.jit(lambda v: 2 * v)(x)\n\n\n"
        "def run(big, xs):\n    for x in xs:\n        Big.twice(big, x)\n"
    )

    fixed = fix_all(SourceFile("a.py", code), Config(), {}, Applicability.UNSAFE)

    assert "\n\n\ncompiled = jax.jit(lambda v: 2 * v)\n\n\nclass Big:\n" in fixed
    assert "        return compiled(x)\n" in fixed

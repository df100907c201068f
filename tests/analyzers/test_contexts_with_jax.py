"""JAX runs the specifications of contexts: what they call a tracer is one, and nothing else is.

A program that needs a library that is not installed, or fails for a reason of its own, says nothing;
how many lines were compared is asserted, so that this cannot become all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.analyzers.test_mdtest import BLOCK, ROOT, SECTION, revealed

LEAST = 70

PROGRAM = """
    import collections, contextlib, inspect, io, json, sys, warnings
    import jax, jax.numpy as jnp

    warnings.simplefilter("ignore")

    def kinds_of(value):
        for leaf in jax.tree.leaves(value):
            if not isinstance(leaf, jax.core.Tracer):
                yield "plain"
                continue
            if hasattr(leaf.aval, "inner_aval"):  # a reference: what it refers to
                leaf = leaf[...]
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                leaf = jax.random.key_data(leaf)
            try:
                bool(jnp.any(leaf != 0))
                yield "concrete"
            except jax.errors.ConcretizationTypeError:
                yield "abstract"

    answers = []
    for code in json.load(sys.stdin):
        seen = collections.defaultdict(set)

        def reveal_value(value):
            seen[inspect.currentframe().f_back.f_lineno].update(kinds_of(value))
            return value

        names = {"reveal_value": reveal_value, "reveal_contexts": lambda: None, "__name__": "a"}
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, "a.py", "exec"), names)
        answers.append({line: sorted(kinds) for line, kinds in seen.items()})
    print(json.dumps(answers))
"""


def test_what_is_called_a_tracer_is_one() -> None:
    if subprocess.run([sys.executable, "-c", "import jax"], check=False).returncode:
        pytest.skip("needs JAX")
    sections = [
        (f"{path.name}: {section['title']}", block["code"])
        for path in sorted(ROOT.glob("semantic/contexts*.md"))
        for section in SECTION.finditer(path.read_text(encoding="utf-8"))
        for block in BLOCK.finditer(section["body"])
    ]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        input=json.dumps([code for _, code in sections]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)

    compared = 0
    wrong: list[str] = []
    for (title, code), seen in zip(sections, answers):
        for line, text in revealed(code):
            kinds = seen.get(str(line))
            if kinds is None or text.startswith(("maybe", "unknown")):
                continue
            compared += 1
            if not _agrees(text, kinds):
                wrong.append(f"{title}, line {line}: {text}, and JAX has {kinds}")
    assert wrong == []
    assert compared >= LEAST


def _agrees(text: str, kinds: list[str]) -> bool:
    """Whether a revealed value is what JAX had there in one of the runs; a line may run untraced too."""
    if text.startswith("traced with a concrete value"):
        return "concrete" in kinds
    if text.startswith("traced"):
        return "abstract" in kinds
    return kinds in ([], ["plain"])

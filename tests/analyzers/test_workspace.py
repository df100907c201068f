"""Analyses that look into other files: where related places lie, and what an edit elsewhere changes."""

from __future__ import annotations

import itertools

import pytest

from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.project.resolve import module_file
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.semantic.tasks import PreemptedError
from jaxsight_analyzers.source import SourceFile

TRAINED = """\
from trainer import train

def step(x):
    if x > 0:
        return x
    return -x

train(step)
"""
TRAINER = """\
import jax

def train(step):
    return run(jax.jit(step))

def run(compiled):
    return compiled(1.0)
"""


def related(analysis: Analysis) -> list[tuple[str | None, str, str]]:
    """The file, the text and the sentence of each place that explains the findings."""
    found: list[tuple[str | None, str, str]] = []
    for diagnostic in analysis.diagnostics:
        for place in diagnostic.related:
            source = analysis.source if place.path is None else analysis.others[place.path]
            text = source.text[place.span.start : place.span.end]
            found.append((place.path, text, place.message))
    return found


def test_related_places_name_the_file_they_lie_in() -> None:
    workspace = Workspace.of({"trainer.py": TRAINER})

    analysis = analyse(SourceFile("main.py", TRAINED), workspace=workspace)

    assert related(analysis) == [
        ("trainer.py", "jax.jit(step)", "`step` is compiled by `jax.jit` here"),
        (None, "x", "`x` is traced"),
    ]


def test_a_chain_of_three_files_is_told_from_the_outermost_in() -> None:
    texts = {
        "one.py": "from two import second\n\ndef first(f, x):\n    return second(f, x)\n",
        "two.py": "def second(f, x):\n    return f(x)\n",
    }
    main = (
        "import jax\nfrom one import first\n\n@jax.jit\ndef step(x):\n"
        "    return first(lambda y: y if y > 0 else -y, x)\n"
    )

    analysis = analyse(SourceFile("main.py", main), workspace=Workspace.of(texts))

    assert [(path, text) for path, text, _ in related(analysis)] == [
        (None, "jax.jit"),
        (None, "first(lambda y: y if y > 0 else -y, x)"),
        ("one.py", "second(f, x)"),
        ("two.py", "f(x)"),
        (None, "x"),
    ]


def test_a_change_in_another_file_is_seen() -> None:
    before = Workspace.of({"trainer.py": TRAINER})
    first = analyse(SourceFile("main.py", TRAINED), workspace=before)

    host = {"trainer.py": TRAINER.replace("jax.jit(step)", "step")}
    after = before.changed(lambda path: host.get(path))
    second = analyse(SourceFile("main.py", TRAINED), previous=first, workspace=after)

    assert (len(first.diagnostics), len(second.diagnostics)) == (1, 0)


def test_a_state_goes_on_where_the_files_it_looked_into_are_the_same() -> None:
    texts = {"trainer.py": TRAINER, "other.py": "A = 1\n"}
    before = Workspace(texts.get)
    first = analyse(SourceFile("main.py", TRAINED), workspace=before)
    after = before.changed({**texts, "other.py": "A = 2\n"}.get)

    second = analyse(SourceFile("main.py", TRAINED + "\n"), previous=first, workspace=after)

    assert second.state is first.state
    assert related(second)[0][0] == "trainer.py"


def test_a_file_without_imports_of_the_workspace_reads_no_other() -> None:
    asked: list[str] = []

    def load(path: str) -> str | None:
        asked.append(path)
        return None

    analyse(
        SourceFile("main.py", "import jax, os\nx = jax.jit(abs)(1)\n"), workspace=Workspace(load)
    )

    assert asked == []


def test_the_order_of_imports_has_no_say() -> None:
    texts = {
        "a.py": "import b, c\n\ndef f(g, x):\n    return b.f(g, x)\n",
        "b.py": "import c, a\n\ndef f(g, x):\n    return c.f(g, x) if x is None else a.h(g, x)\n",
        "c.py": "import a\n\ndef f(g, x):\n    return a.f(g, x)\n",
    }
    texts["a.py"] += "\ndef h(g, x):\n    return g(x)\n"
    body = (
        "import jax\n\ndef test(y):\n    if y > 0:\n        return y\n    return -y\n\n"
        "@jax.jit\ndef step(x):\n    return a.f(test, x), b.f(test, x), c.f(test, x)\n"
    )
    found: set[tuple[object, ...]] = set()
    for order in itertools.permutations("abc"):
        main = "".join(f"import {name}\n" for name in order) + body
        analysis = analyse(SourceFile("main.py", main), workspace=Workspace.of(texts))
        assert analysis.crashes == ()
        found.add(tuple((d.span, d.message, d.finding.certainty) for d in analysis.diagnostics))

    assert len(found) == 1
    assert len(found.pop()) == 1


@pytest.mark.parametrize(
    ("name", "level", "importer", "expected"),
    [
        ("pkg.mod", 0, "main.py", "pkg/mod.py"),
        ("pkg", 0, "main.py", "pkg/__init__.py"),
        ("lib.deep", 0, "main.py", "src/lib/deep.py"),
        ("lib", 0, "main.py", "src/lib/__init__.py"),  # a folder of modules
        ("mod", 1, "pkg/other.py", "pkg/mod.py"),
        ("", 1, "pkg/other.py", "pkg/__init__.py"),
        ("mod", 1, "pkg/__init__.py", "pkg/mod.py"),
        ("", 2, "pkg/other.py", None),  # above the package there is none
        ("mod", 3, "pkg/other.py", None),
        ("mod", 0, "pkg/other.py", None),
        ("near", 0, "tools/run.py", "tools/near.py"),
        ("os", 0, "tools/run.py", None),
        ("pkg.missing", 0, "main.py", None),
    ],
)
def test_which_file_an_import_means(
    name: str, level: int, importer: str, expected: str | None
) -> None:
    files = {"pkg/__init__.py", "pkg/mod.py", "src/lib/deep.py", "tools/near.py", "tools/os.py"}
    folders = {"src/", "src/lib/", "pkg/", "tools/"}

    assert (
        module_file(name, level, importer, ("", "src"), (files | folders).__contains__) == expected
    )


def test_an_analysis_that_is_given_up_leaves_the_one_before_it_as_it_was() -> None:
    before = Workspace.of({"trainer.py": "def train(step):\n    return step(1.0)\n"})
    first = analyse(SourceFile("main.py", TRAINED), workspace=before)
    after = before.changed({"trainer.py": TRAINER}.get)
    asked: list[None] = []

    def preempted() -> bool:
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(PreemptedError):
        analyse(
            SourceFile("main.py", TRAINED), previous=first, workspace=after, preempted=preempted
        )

    edited = SourceFile("main.py", TRAINED + "\ntrain(step)\n")
    assert first.model.is_current and len(asked) == 3
    again = analyse(edited, previous=first, workspace=before, preempted=lambda: True)
    assert again.state is first.state and not again.diagnostics
    told = analyse(edited, previous=again, workspace=after)
    assert told.diagnostics == analyse(edited, workspace=after).diagnostics != ()


def test_an_analysis_goes_on_only_while_the_project_says_the_same_of_64_bits() -> None:
    source = SourceFile("model.py", "import jax.numpy as jnp\n\nx = jnp.zeros(3, jnp.float64)\n")
    speaking: list[str] = []
    workspace = Workspace(lambda path: None, x64=lambda path: bool(speaking))
    found: list[int] = []
    analysis = analyse(source, workspace=workspace)
    for said in ([], ["other.py"], ["other.py"], []):
        speaking[:] = said
        before, analysis = analysis, analyse(source, previous=analysis, workspace=workspace)
        found.append(len(analysis.diagnostics))
        assert (analysis.state is before.state) == (found[-2:] in ([1], [0, 0], [1, 1]))
    assert found == [1, 0, 0, 1]

"""What is typed in comments and docstrings leaves the tree, and all that was found out, as it is."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.chunks import parse_chunks
from tests.analyzers.parsing import assert_as_parsed

KEPT = {
    "at the end of a line": "def f(x):\n    return x  # so|\n",
    "on a line of its own": "def f(x):\n    # so| it is\n    return x\n",
    "before a statement": "# so|\ndef f(x):\n    return x\n",
    "behind a string that holds a number sign": "x = \"#\", '#'  # so|\n",
    "behind letters that take more bytes": 'x = "été"  # é|\n',
    "inside brackets": "x = [\n    1,  # so|\n    2,\n]\n",
    "docstring": 'def f(x):\n    """It| does."""\n    return x\n',
    "docstring of many lines": 'def f(x):\n    """It\n\n    does| it.\n    """\n    return x\n',
    "the end of a docstring": 'def f(x):\n    """It does|"""  # so\n    return x\n',
    "docstring that is all of a function": 'def f(x):\n    """It\n    does|\n    it."""\n',
}
ELSE = {
    "string": 'x = "# so|"\n',
    "formatted string": "x = f'# so| {x}'\n",
    "string of many lines": 'x = """\n# so|\n"""\n',
    "before the number sign": "x = 1 | # so\n",
    "docstring on which an end depends": 'def f(x):\n    """It| does."""\n',
    "docstring before something": 'def f(x):\n    """It| does."""; return x\n',
    "its quotes": 'def f(x):\n    """|It does."""\n    return x\n',
    "behind a docstring": 'def f(x):\n    """It does."""|\n    return x\n',
}


def typed(text: str, new: str) -> tuple[str, str]:
    """A text before and after something is typed in it."""
    text = f"a = 1\n{text}b = 2\n"
    return text.replace("|", ""), text.replace("|", new)


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_the_tree_is_kept(text: str) -> None:
    before, after = typed(text, "q 1")
    old = parse_chunks(SourceFile("", before))
    new = parse_chunks(SourceFile("", after), old)
    assert [id(chunk.body) for chunk in new.chunks] == [id(chunk.body) for chunk in old.chunks]
    assert assert_as_parsed(new)


@pytest.mark.parametrize("new", ["q", "\n", '"""', '"', '\\"', "\r", "\0", "\ud800", "#", "'''"])
@pytest.mark.parametrize("text", [*KEPT.values(), *ELSE.values()], ids=[*KEPT, *ELSE])
def test_the_tree_is_that_of_the_parser(text: str, new: str) -> None:
    before, after = typed(text, new)
    old = parse_chunks(SourceFile("", before))
    there = parse_chunks(SourceFile("", after), old)
    assert_as_parsed(there)
    assert_as_parsed(parse_chunks(SourceFile("", before), there))


TEXT = '''import jax


@jax.jit
def f(x):
    """It does."""
    if x > 0:  # so
        return x
    return -x


def g(x):
    return f(x)
'''


@pytest.mark.parametrize("place", ["does", "# so"])
def test_nothing_runs_again_and_findings_move(place: str) -> None:
    before = analyse(SourceFile("m.py", TEXT))
    text = TEXT.replace(place, f"{place} what it says")
    after = analyse(SourceFile("m.py", text), previous=before)
    assert after.state.interpretation.run.redone == []
    fresh = analyse(SourceFile("m.py", text))
    assert len(fresh.diagnostics) == 1
    assert after.diagnostics == fresh.diagnostics


def test_a_backslash_in_a_comment_continues_nothing() -> None:
    before, after = typed("x = '#', \\\n    2  # so|\n", "\\")
    there = parse_chunks(SourceFile("", after), parse_chunks(SourceFile("", before)))
    fresh = parse_chunks(SourceFile("", after))
    assert [chunk.text for chunk in there.chunks] == [chunk.text for chunk in fresh.chunks]
    assert len(fresh.chunks) == 3

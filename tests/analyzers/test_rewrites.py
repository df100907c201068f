"""Excerpts: what a structural rewrite does not touch comes back as it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent

import pytest

from jaxsight_analyzers import rewrites
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.rewrites.excerpt import Excerpt, excerpt
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of, read_after
from jaxsight_analyzers.source import SourceFile

OURS = [
    path
    for path in sorted((Path(__file__).parents[2] / "analyzers").rglob("*.py"))
    if path.stat().st_size > 4_000
]


def blocks_in(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    yield body
    for statement in body:
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(statement, name, None)
            if isinstance(inner, list) and inner:
                yield from blocks_in(inner)  # pyright: ignore[reportUnknownArgumentType]


def units_with_blocks(analysis: Analysis) -> Iterator[tuple[Unit, list[ast.stmt]]]:
    for number, chunk in enumerate(analysis.module.chunks):
        for block in blocks_in(chunk.body):
            yield analysis.model.units[number], block


def all_of(analysis: Analysis) -> Iterator[tuple[Excerpt, str]]:
    """Each block as an excerpt, with its text."""
    for unit, block in units_with_blocks(analysis):
        found = excerpt(unit, block[0], block[-1])
        if found is not None:
            yield found, analysis.module.analysed.text[found.span.start : found.span.end]


@pytest.mark.parametrize("path", OURS[::9], ids=lambda path: path.name)
def test_blocks_that_are_not_changed_come_back_as_they_were(path: Path) -> None:
    found = list(all_of(analyse(SourceFile("a.py", path.read_text(encoding="utf-8")))))

    assert len(found) > 0
    for one, text in found:
        assert one.replaced_by(one.statements).text == text


ODD = cleandoc(
    '''
    def f(x):
    \tif x:  # why

    \t\t# first
    \t\ty = """
    not indented
      so
    """ + \\
    x
    \t\tz = (1,
    2)
    \t\t# last
    \telse:
    \t   pass
    \treturn x  # end
    '''
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_tabs_strings_continuations_comments_and_ends_of_lines_stay(newline: str) -> None:
    text = ODD.replace("\n", newline)

    found = list(all_of(analyse(SourceFile("a.py", text))))

    assert len(found) == 4
    for one, before in found:
        assert one.replaced_by(one.statements).text == before


def test_a_new_statement_is_indented_and_ended_as_the_file_is() -> None:
    text = "class A:\r\n  def f(self, x):\r\n    y = x  # kept\r\n    return y\r\n"
    analysis = analyse(SourceFile("a.py", text))
    blocks = [(u, b) for u, b in units_with_blocks(analysis) if isinstance(b[-1], ast.Return)]
    unit, block = blocks[0]

    one = excerpt(unit, block[0])
    assert one is not None
    made = one.function("g", ["x"], one.statements, "y")
    edit = one.replaced_by([made, one.parsed("y = g(x)")])

    assert edit.text == "def g(x):\r\n      y = x  # kept\r\n      return y\r\n    y = g(x)"
    assert text[edit.span.start : edit.span.end] == "y = x  # kept"


@pytest.mark.parametrize("text", ["a = 1; b = 2\n", "if a: b = 1\n", "if a:\n    b = 1; c = 2\n"])
def test_statements_that_share_a_line_are_no_excerpt(text: str) -> None:
    analysis = analyse(SourceFile("a.py", text))
    *_, (unit, block) = units_with_blocks(analysis)

    assert [excerpt(unit, statement) for statement in block] == [None] * len(block)


# Without libcst


def test_libcst_is_looked_for_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        assert name == "libcst"

    monkeypatch.setattr("importlib.util.find_spec", nowhere)
    rewrites.are_available.cache_clear()
    assert not rewrites.are_available()
    monkeypatch.undo()
    rewrites.are_available.cache_clear()
    assert rewrites.are_available()


# Names


def block(code: str) -> list[ast.stmt]:
    return ast.parse(dedent(code)).body


@pytest.mark.parametrize(
    ("code", "exposed", "bound", "surely"),
    [
        ("y = x\nz = y", "x", "y z", "y z"),
        ("x += 1", "x", "x", "x"),
        ("if c:\n    y = 1\nelse:\n    z = y", "c y", "y z", ""),
        ("if c:\n    y = 1\nelse:\n    y = 2\nz = y", "c", "y z", "y z"),
        ("if c:\n    raise E\nelse:\n    y = 2\nz = y", "c E", "y z", "y z"),
        ("for i in r:\n    t = i\nu = t", "r t", "i t u", "u"),
        ("while n > 0:\n    n = n - d", "n d", "n", ""),
        ("a, (b, *c) = d", "d", "a b c", "a b c"),
        ("a[i] = b.c", "b a i", "", ""),
        ("f = lambda x: x + y", "y", "f", "f"),
        ("z = [x * y for x in xs]", "xs y", "z", "z"),
        ("def f(x):\n    t = x\n    return t + s", "s", "f", "f"),
        ("with a as b:\n    c = b", "a", "b c", "b c"),
        ("try:\n    a = f()\nexcept E as e:\n    a = e\nb = a", "f", "a b", "a b"),
        ("if (n := f(x)):\n    y = n", "f x", "n y", "n"),
        ("return x\ny = 1", "x", "", ""),
        ("match s:\n    case [a, *b]:\n        c = a", "s", "a b c", ""),
        ("import a.b\nfrom c import d as e", "", "a e", "a e"),
    ],
)
def test_names_that_are_read_and_bound(code: str, exposed: str, bound: str, surely: str) -> None:
    names = names_of(block(code))

    assert (set(names.exposed), list(names.bound)) == (set(exposed.split()), bound.split())
    assert names.surely == set(surely.split())


FUNCTION = """
    def f(x, n):
        a = b = c = d = x
        for i in n:
            if x:
                a = 1
            u = d
        a = 2
        def g():
            return c
        return b
"""


def test_names_that_are_read_after_a_statement() -> None:
    function = block(FUNCTION)
    assert isinstance(function[0], ast.FunctionDef)
    loop = function[0].body[1]
    assert isinstance(loop, ast.For)

    live = read_after([(function, 0), (function[0].body, 1), (loop.body, 0)])

    assert live == {"b", "c", "d", "n", "x"}
    assert read_after([(function, 0)]) is None

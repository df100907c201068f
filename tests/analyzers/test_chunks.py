"""Chunks: what an edit touches is parsed anew, and nothing else is."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator

import pytest

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile, SyntaxProblem
from jaxsight_analyzers.syntax import pieces
from jaxsight_analyzers.syntax.chunks import Chunk, Chunks, parse_chunks
from tests.analyzers.parsing import assert_as_parsed


def chunked(text: str, previous: Chunks | None = None) -> Chunks:
    chunks = parse_chunks(SourceFile("a.py", text), previous)
    assert_as_parsed(chunks)
    return chunks


def texts(chunks: Chunks) -> list[str]:
    return [chunk.text for chunk in chunks.chunks]


def names(chunks: Chunks) -> list[str]:
    return [node.name for node in chunks.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def shared(one: Chunks, other: Chunks) -> int:
    return len({id(chunk) for chunk in one.chunks} & {id(chunk) for chunk in other.chunks})


FUNCTIONS = "".join(f"def f{n}(x):\n    y = x + {n}\n    return y\n\n\n" for n in range(9))
METHODS = "".join(f"    def m{n}(self):\n        return {n}\n\n" for n in range(40))
CLASS = f"import a\n\n\n@d\nclass Big(B):\n    # about\n{METHODS}\nlast = 1\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [""]),
        ("# c\n\n", ["# c\n\n"]),
        ("x = 1", ["x = 1"]),
        ("# c\nx = 1\n\n# d\ny = 2\n# e\n", ["# c\nx = 1\n", "\n# d\ny = 2\n# e\n"]),
        ("a = 1; b = 2\nc = 3\n", ["a = 1; b = 2\n", "c = 3\n"]),
        ("a = 1; \\\nb = 2\nc = 3\n", ["a = 1; \\\nb = 2\n", "c = 3\n"]),
        ("@d\n\n@e\ndef f(): pass\nx\n", ["@d\n\n@e\ndef f(): pass\n", "x\n"]),
        (
            "if x:\n  y\n # c\nelse:\n  z\n  # d\nw\n",
            ["if x:\n  y\n # c\nelse:\n  z\n", "  # d\nw\n"],
        ),
        ("a\r\n\rb\r", ["a\r\n", "\rb\r"]),
        ("\fa\n\fb\n", ["\fa\n", "\fb\n"]),
    ],
)
def test_a_chunk_is_a_statement_and_the_gap_before_it(text: str, wanted: list[str]) -> None:
    assert texts(chunked(text)) == wanted


def test_an_edit_leaves_other_chunks_as_they_are() -> None:
    before = chunked(FUNCTIONS)
    after = chunked(FUNCTIONS.replace("x + 4", "x + 44"), before)

    assert len(after.chunks) == 9
    assert shared(before, after) == 8
    assert texts(chunked(FUNCTIONS, after)) == texts(before)


def test_the_members_of_a_big_class_are_chunks() -> None:
    chunks = chunked(CLASS)
    imported, header, first, *_, last = chunks.chunks

    assert (imported.header, imported.heads, last.header) == (None, None, None)
    assert header.text == "\n\n@d\nclass Big(B):\n"
    assert first.text == "    # about\n    def m0(self):\n        return 0\n"
    assert first.header is header.heads
    assert len(chunks.chunks) == 43
    node = header.body[0]
    assert isinstance(node, ast.ClassDef)
    assert len(node.body) == 40
    assert chunks.body == [imported.body[0], node, last.body[0]]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("return 20\n", "return 2000\n", 41),
        ("class Big(B)", "class Big(B, C)", 42),
        ("return 20\n", "return (\n", 41),
        ("class Big(B)", "class Big(B", 42),
        ("import a", "import b", 42),
    ],
)
def test_an_edit_of_a_big_class_parses_one_piece(old: str, new: str, kept: int) -> None:
    before = chunked(CLASS)
    after = chunked(CLASS.replace(old, new), before)

    assert shared(before, after) == kept
    assert names(after) == ["Big"]
    node = next(node for node in after.body if isinstance(node, ast.ClassDef))
    assert len(node.body) == 40
    assert after.chunks[1].heads is before.chunks[1].heads
    assert len(chunked(CLASS, after).chunks) == 43


def test_a_class_that_is_no_longer_big_is_one_chunk() -> None:
    big = chunked(CLASS)
    small = CLASS[: CLASS.index("    def m9")] + "\nlast = 1\n"

    assert len(chunked(small, big).chunks) == 3
    assert len(chunked(CLASS, chunked(small, big)).chunks) == 43


@pytest.mark.parametrize(
    ("start", "middle", "end"),
    [
        ("x = 1\n\ny = 2\n", "x = (1\n\ny = 2\n", "x = (1\n\ny == 2)\n"),
        ("x = 1\ny = 2\nz = 3\n", 'x = """1\ny = 2\nz = 3\n', 'x = """1\ny = 2\nz = 3"""\n'),
        ("x = 1\ny = 2\n", "x = 1 + \\\ny = 2\n", "x = 1 + \\\ny\n"),
        ("try:\n  x\nexcept: y\n", "try:\n  x\nexept: y\n", "try:\n  x\nexcept: z\n"),
        ("def f():\n  x\ny = 1\n", "def f():\n  x\n y = 1\n", "def f():\n  x\n  y = 1\n"),
        ("def f(): pass\n", "@d\n", "@d\n\ndef f(): pass\n"),
        ("if x:\n  y\nz\n", "if x:\n  y\nels\nz\n", "if x:\n  y\nelse:\n  z\n"),
        ("x = 1\n# c\n", "# x = 1\n# c\n", "x = 1\n# c\ny = 2\n"),
        ("\ufeffx = 1\ny\n", "z\n\ufeffx = 1\ny\n", "\ufeffx = 2\ny\n"),
    ],
)
def test_what_belongs_together_is_found_again(start: str, middle: str, end: str) -> None:
    chunks: Chunks | None = None
    for text in (start, middle, end, start):
        chunks = chunked(text, chunks)

    assert chunks is not None
    assert not chunks.problems


BROKEN = [
    "x = f(1, [2\n",
    "x = \n",
    "if x\n",
    "x = a.\n",
    "def new(\n",
    "for i in\n",
    "else:\n",
    "x = 'abc\n",
    'x = """abc\n',
    "return return\n",
    "def f(:\n    ((\n  ]]\n",
    "x = 1\x00\n",
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_text_leaves_the_statements_around_it(broken: str, warm: bool) -> None:
    before = "def first():\n    return 1\n\n"
    after = "\ndef last():\n    return 2\n\ny = 3\n"
    chunks = chunked(before + broken + after, chunked(before + after) if warm else None)

    assert chunks.problems
    assert names(chunks)[0] == "first"
    assert "last" in names(chunks)
    assert not chunks.chunks[-1].stale


@pytest.mark.parametrize("broken", BROKEN[:8])
def test_a_problem_is_what_the_parser_says_of_the_whole_file(broken: str) -> None:
    source = SourceFile("a.py", f"import a\n\n\ndef f():\n    y = 1\n    {broken}    z = 2\n")

    problems = parse_chunks(source).problems

    assert problems == (said_by_the_parser(source),)


def said_by_the_parser(source: SourceFile) -> SyntaxProblem:
    try:
        ast.parse(source.text)
    except SyntaxError as error:
        start = source.offset((error.lineno or 1) - 1, (error.offset or 1) - 1)
        return SyntaxProblem(Span(start, start), error.msg)
    except ValueError as error:
        return SyntaxProblem(Span(0, 0), str(error))
    raise AssertionError("it parses")


def test_what_cannot_be_repaired_keeps_its_last_good_version() -> None:
    text = FUNCTIONS.replace(
        "y = x + 4\n    return y", "y = x + 5)\n  ]]\n (( )\n ]]\n ((\n ]\n    return y"
    )
    good = chunked(FUNCTIONS)
    chunks = chunked(text, good)
    chunk = chunks.chunks[4]

    assert shared(good, chunks) == 8
    assert chunk.stale
    assert chunk.body is good.chunks[4].body
    function = chunk.body[0]
    assert isinstance(function, ast.FunctionDef)
    assert chunk.to_source(chunk.span(function.body[0])) is None
    moved = chunk.to_source(chunk.span(function.body[1]))
    assert moved is not None
    assert chunk.text[moved.start : moved.end] == "return y"
    assert chunk.to_analysed(moved.start) == chunk.span(function.body[1]).start


def test_a_file_opened_with_an_error_in_a_big_class_has_the_other_members() -> None:
    chunks = chunked(CLASS.replace("return 20\n", "return )](\n"))

    assert len(chunks.chunks) == 43
    assert len(chunks.problems) == 1


def _places(chunk: Chunk) -> Iterator[str]:
    for statement in chunk.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == "target":
                yield chunk.text_of(node)


@pytest.mark.parametrize(
    "text",
    [
        "x = 'é'; target\n",
        "'\U0001f600\u2028'; target\r\n",
        "\ftarget\n",
        "pass\rtarget",
        "\ufefftarget",
    ],
)
@pytest.mark.parametrize("head", ["", "y = 1\n"])
def test_a_node_lies_where_its_text_is(text: str, head: str) -> None:
    if head and text.startswith("\ufeff"):
        text = text[1:]
    for previous in (None, chunked("x = 1\n")):
        chunks = chunked(head + text, previous)
        assert [place for chunk in chunks.chunks for place in _places(chunk)] == ["target"]


def test_text_that_parses_is_its_own() -> None:
    (chunk,) = chunked("x = 1\n").chunks

    assert chunk.analysed is chunk.text
    assert chunk.to_source(Span(1, 2)) == Span(1, 2)
    assert chunk.to_analysed(4) == 4
    assert chunk.line_starts == (0, 6)
    assert chunk.line_of(3) == 0


@pytest.mark.parametrize(
    "text", ["(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "\ufeff(", "\ud800", "(\n" * 20_000]
)
def test_no_text_raises_or_takes_long(text: str) -> None:
    begin = time.process_time()
    chunked("y = 1\n", chunked(f"{text}\nx = 1\n", chunked("x = 1\n")))

    assert time.process_time() - begin < 5


def test_a_very_long_file_is_edited_in_parts() -> None:
    text = "".join(f"x{n} = f({n})\n" for n in range(30_000))
    before = parse_chunks(SourceFile("a.py", text))
    after = parse_chunks(SourceFile("a.py", text.replace("f(5000)", "f(5001)")), before)

    assert shared(before, after) == 29_999


def test_broken_text_is_cut_only_where_a_statement_can_begin() -> None:
    broken = "x = (\n\\\n  y\nelse:\n)\n@d\ndef f(): pass\n.z\nw\n"

    cut = pieces.cut(broken)

    assert cut == ["x = (\n\\\n  y\nelse:\n)\n", "@d\ndef f(): pass\n.z\n", "w\n"]
    assert all(pieces.begins(piece, "") for piece in cut)

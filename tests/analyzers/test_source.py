"""Text and trees: lines and offsets as everyone else counts them, and repairs of broken text."""

from __future__ import annotations

import ast
import time

import pytest

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.parsed import ParsedModule, parse


def file(text: str) -> SourceFile:
    return SourceFile("a.py", text)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", (0,)),
        ("a", (0,)),
        ("a\nb", (0, 2)),
        ("a\r\nb\r\n", (0, 3, 6)),
        ("a\rb\n\nc", (0, 2, 4, 5)),
        ("a\n\rb", (0, 2, 3)),
        ("a\x0cb\x0b\u2028c\u2029d\x85e\x1c", (0,)),
    ],
)
def test_lines_end_where_python_ends_them(text: str, starts: tuple[int, ...]) -> None:
    assert file(text).line_starts == starts


@pytest.mark.parametrize("before", ["", "a\n", "one\ntwo\n\nthree", "\n\n\n", "x\r\ny\n"])
@pytest.mark.parametrize("new", ["", "\n", "z", "a\nb", "\n\nc\n", "\r"])
def test_lines_of_an_edited_text_are_those_of_the_text(before: str, new: str) -> None:
    for start in range(len(before) + 1):
        for end in range(start, len(before) + 1):
            source = file(before)
            assert source.line_starts  # which the edited one goes on from
            after = source.edited(Span(start, end), new)
            assert after.text == before[:start] + new + before[end:]
            assert after.line_starts == file(after.text).line_starts


def test_a_line_is_without_its_terminator() -> None:
    source = file("one\r\ntwo\rthree\n")

    assert [source.line_text(line) for line in range(4)] == ["one", "two", "three", ""]


def test_offsets_and_positions_are_each_others_inverse() -> None:
    source = file("é = 1\r\n\r\n\U0001f600 = 2\n")

    for offset in range(len(source.text) + 1):
        line, column = source.position(offset)
        if column <= len(source.line_text(line)):  # not between `\r` and `\n`
            assert source.offset(line, column) == offset


@pytest.mark.parametrize(
    ("line", "column", "offset"), [(-1, 0, 0), (0, 99, 2), (1, -3, 3), (9, 0, 5)]
)
def test_a_position_outside_is_moved_into_the_text(line: int, column: int, offset: int) -> None:
    assert file("ab\ncd").offset(line, column) == offset


@pytest.mark.parametrize(
    "text", ["x = 'é'; target\n", "'\U0001f600\u2028'; target\r\n", "\x0ctarget\n", "pass\rtarget"]
)
def test_a_node_lies_where_its_text_is(text: str) -> None:
    module = parse(file(text))
    node = next(n for n in ast.walk(module.tree) if getattr(n, "id", "") == "target")

    assert module.text_of(node) == "target"


def names(module: ParsedModule) -> list[str]:
    return [node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)]


BEFORE = "def first():\n    return 1\n\n"
AFTER = "\ndef last():\n    return 2\n"


@pytest.mark.parametrize(
    "broken",
    [
        "x = f(1, [2\n",
        "x = \n",
        "if x\n",
        "x = a.\n",
        "def new(\n",
        "for i in\n",
        "else:\n",
        "x = 'abc\n",
        "return return\n",
    ],
)
def test_one_broken_line_leaves_what_is_around_it(broken: str) -> None:
    module = parse(file(BEFORE + broken + AFTER))

    assert len(module.problems) == 1
    assert names(module)[0] == "first"
    assert names(module)[-1] == "last"


def test_text_that_parses_is_its_own_tree() -> None:
    module = parse(file(BEFORE))

    assert module.analysed is module.source
    assert module.problems == ()
    assert module.to_source(Span(3, 5)) == Span(3, 5)
    assert module.to_analysed(4) == 4


BEYOND_REPAIR = "def f(:\n    ((\n  ]]\n"


def test_what_cannot_be_repaired_keeps_the_last_good_tree() -> None:
    good = parse(file(BEFORE + AFTER))
    module = parse(file(BEFORE + BEYOND_REPAIR + AFTER), good)

    assert set(names(module)) == set(names(good))
    assert module.problems


def test_without_a_last_good_tree_the_statements_around_it_are_kept() -> None:
    module = parse(file(BEFORE + BEYOND_REPAIR + AFTER))

    assert names(module)[0] == "first"
    assert names(module)[-1] == names(parse(file(AFTER)))[-1]


def test_spans_of_the_last_good_tree_move_with_the_text() -> None:
    good = parse(file(BEFORE + AFTER))
    module = parse(file(BEFORE + BEYOND_REPAIR + AFTER), good)

    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            span = module.to_source(module.span(node))
            if span is not None:
                assert module.source.text[span.start : span.end] == module.text_of(node)
                assert module.to_analysed(span.start) == module.span(node).start


def test_a_span_that_was_edited_lies_nowhere() -> None:
    good = parse(file("keep = 1\nlost = f(2)\nalso = 3\n"))
    module = parse(file("keep = 1\nlost = f)(2\n)(also = 3\n"), good)

    spans = [module.to_source(good.span(node)) for node in good.tree.body]

    assert spans[0] == Span(0, 8)
    assert spans[1] is None


@pytest.mark.parametrize(
    "text", ["x = 1\x00\n", "(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "\ufeff("]
)
def test_no_text_raises(text: str) -> None:
    module = parse(file(text))

    assert isinstance(module.tree, ast.Module)
    assert module.problems


def test_a_byte_order_mark_is_no_problem() -> None:
    module = parse(file("\ufeffname = 1\n"))

    assert module.problems == ()
    assert module.text_of(module.tree.body[0]) == "name = 1"
    assert module.to_source(Span(1, 5)) == Span(1, 5)


def test_a_long_broken_file_takes_about_as_long_as_a_few_parses() -> None:
    good = "".join(f"def f{i}(x):\n    return x + {i}\n" for i in range(3_000))
    started = time.process_time()
    parse(file(good))
    once = time.process_time() - started

    started = time.process_time()
    module = parse(file(good + BEYOND_REPAIR + good))
    broken = time.process_time() - started

    assert len(names(module)) >= 6_000
    assert broken < 40 * max(once, 0.01)


def test_a_file_whose_start_is_broken_far_above_where_python_notices_is_read_quickly() -> None:
    text = "x = '''\n" + "a = 1\n" * 20_000
    started = time.process_time()
    parse(file("a = 1\n" * 20_000))
    once = time.process_time() - started

    started = time.process_time()
    parse(file("(" + text))
    parse(file("a = (\n" + "b = 1\n" * 20_000 + "]\n"))
    broken = time.process_time() - started

    assert broken < 60 * max(once, 0.01)

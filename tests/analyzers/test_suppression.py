"""Suppressions: what they cover, which are not needed, and the edits that add and remove them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxsight_analyzers.diagnostic import Diagnostic, Edit, Finding, Severity, Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.suppression import (
    Kind,
    Suppression,
    insert_file_suppression,
    insert_suppression,
    parse_suppressions,
    suppressions_of,
)
from jaxsight_analyzers.syntax.parsed import parse


def finding(source: SourceFile, line: int, rule: str = "key-reuse") -> Diagnostic:
    span = source.line_span(line)
    return Diagnostic(rule, "prng", Severity.ERROR, Finding(span, f"line {line}"))


def applied(
    text: str,
    *lines: int,
    statement_start: Callable[[int], int] = lambda line: line,
    ran: set[str] | None = None,
) -> tuple[list[int], list[str]]:
    """The lines whose findings are left, and what is said about suppressions."""
    source = SourceFile("a.py", text)
    found = [finding(source, line) for line in lines]
    kept, unused = parse_suppressions(source).apply(found, statement_start, ran)
    return [source.line_of(one.span.start) for one in kept], [one.message for one in unused]


def edited(text: str, edit: Edit) -> str:
    return text[: edit.span.start] + edit.text + text[edit.span.end :]


def unused_in(text: str, *lines: int) -> tuple[Suppression, ...]:
    source = SourceFile("a.py", text)
    found = [finding(source, line) for line in lines]
    return parse_suppressions(source).apply(found, lambda line: line)[1]


@pytest.mark.parametrize(
    "text",
    [
        "f(key)  # jaxsight: ignore[key-reuse]\n",
        "f(key)  # jaxsight: ignore[prng] a reason\n",
        "f(key)  #jaxsight:ignore[ traced-if ,key-reuse ]\n",
        "f(key)  # type: ignore  # jaxsight: ignore[key-reuse]  # noqa\n",
        "f(key)\n# jaxsight: file-ignore[key-reuse]\n",
    ],
)
def test_a_comment_on_the_line_or_for_the_file_covers_a_finding(text: str) -> None:
    assert applied(text, 0)[0] == []


def test_a_comment_alone_covers_the_next_line_of_code_only() -> None:
    text = "# jaxsight: ignore[key-reuse]\n# more\n\nf(key)\nf(key)\n"

    assert applied(text, 3, 4) == ([4], [])


def test_a_comment_on_the_first_line_covers_the_whole_statement() -> None:
    text = "x = f(  # jaxsight: ignore[key-reuse]\n    key,\n)\ng(key)\n"

    assert applied(text, 1, 3, statement_start=lambda line: 0 if line < 3 else line) == ([3], [])


def test_a_comment_on_the_line_of_the_finding_covers_it_inside_a_statement() -> None:
    text = "x = f(\n    key,  # jaxsight: ignore[key-reuse]\n)\n"

    assert applied(text, 1, statement_start=lambda _: 0) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        'x = "# jaxsight: ignore[key-reuse]"\n',
        'x = """\n# jaxsight: file-ignore[key-reuse]\n"""\n',
        "x = 1  # jaxsight: ignores[key-reuse]\n",
    ],
)
def test_what_is_no_suppression_comment_is_none(text: str) -> None:
    assert applied(text, 0) == ([0], [])


def test_broken_text_keeps_its_suppressions() -> None:
    text = "def f(:\n    x = 'unclosed\n    g(key)  # jaxsight: ignore[key-reuse]\n"

    assert applied(text, 2) == ([], [])


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# jaxsight: ignore", "`# jaxsight: ignore` names no rule"),
        ("# jaxsight: ignore[]", "names no rule"),
        ("# jaxsight: ignore[key-reuse", "has no closing bracket"),
        ("# jaxsight: ignore[key-resue]", "there is no rule or family `key-resue`"),
        ("# jaxsight: ignore[traced-if]", "no finding of `traced-if` here to suppress"),
        ("# jaxsight: file-ignore[traced-if]", "no finding of `traced-if` in this file"),
    ],
)
def test_a_comment_that_suppresses_nothing_is_told(comment: str, message: str) -> None:
    kept, messages = applied(f"f(key)  {comment}\n", 0)

    assert kept == [0]
    assert len(messages) == 1
    assert message in messages[0]


def test_a_rule_that_was_not_run_is_not_unneeded() -> None:
    text = "f(key)  # jaxsight: ignore[traced-if]\n"

    assert applied(text, ran={"key-reuse"}) == ([], [])
    assert len(applied(text, ran={"traced-if"})[1]) == 1


def test_unneeded_suppressions_can_be_accepted_for_a_file() -> None:
    text = "# jaxsight: file-ignore[unused-suppression]\nx = 1  # jaxsight: ignore[traced-if]\n"

    assert applied(text) == ([], [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # jaxsight: ignore[traced-if] why\ny\n", "x = 1\ny\n"),
        ("x = 1  # jaxsight: ignore\r\ny\r\n", "x = 1\r\ny\r\n"),
        ("    # jaxsight: ignore[traced-if]\ny\n", "y\n"),
        ("x  # jaxsight: ignore[traced-if]  # noqa\n", "x  # noqa\n"),
        ("# jaxsight: ignore[traced-if] # noqa\n", "# noqa\n"),
        ("x  # noqa  # jaxsight: ignore[traced-if]\n", "x  # noqa\n"),
    ],
)
def test_removing_a_suppression_leaves_the_rest_of_its_line(before: str, after: str) -> None:
    (unused,) = unused_in(before)

    result = edited(before, unused.removal(SourceFile("a.py", before)))
    assert result == after


def test_removing_one_name_leaves_the_others_and_the_reason() -> None:
    text = "f(key)  # jaxsight: ignore[traced-if, key-reuse, nonsense] why\n"
    (unused,) = unused_in(text, 0)

    result = edited(text, unused.removal(SourceFile("a.py", text)))
    assert result == "f(key)  # jaxsight: ignore[key-reuse] why\n"


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("f(key)\n", 0, "f(key)  # jaxsight: ignore[r]\n"),
        ("f(key)  # why\r\n", 0, "f(key)  # why  # jaxsight: ignore[r]\r\n"),
        ("f(key)   ", 0, "f(key)  # jaxsight: ignore[r]"),
        ("f(key)  # jaxsight: ignore[a] b\n", 0, "f(key)  # jaxsight: ignore[a, r] b\n"),
        ("# jaxsight: ignore[a]\nf(key)\n", 1, "# jaxsight: ignore[a, r]\nf(key)\n"),
        ("if 1:\n  f(key, '''\n''')\n", 1, "if 1:\n  # jaxsight: ignore[r]\n  f(key, '''\n''')\n"),
        ("x = \\\n  f(key)\n", 0, "# jaxsight: ignore[r]\nx = \\\n  f(key)\n"),
    ],
)
def test_a_suppression_is_put_where_python_allows_a_comment(
    before: str, line: int, after: str
) -> None:
    source = SourceFile("a.py", before)

    result = edited(before, insert_suppression(source, source.line_starts[line], "r"))

    assert result == after


@pytest.mark.parametrize("line", [0, 1, 2])
def test_an_inserted_suppression_suppresses(line: int) -> None:
    text = "f(key, '''\n''', key)\ng(key)\n"
    source = SourceFile("a.py", text)
    new = edited(text, insert_suppression(source, source.line_starts[line], "key-reuse"))
    moved = line + new.count("\n") - text.count("\n")

    assert applied(new, moved, statement_start=lambda at: min(at, 1) if line < 2 else at)[0] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "# jaxsight: file-ignore[r]\nx = 1\n"),
        ("", "# jaxsight: file-ignore[r]\n"),
        (
            "#!/usr/bin/python\n# -*- coding: latin-1 -*-\nx = 1\n",
            "#!/usr/bin/python\n# -*- coding: latin-1 -*-\n# jaxsight: file-ignore[r]\nx = 1\n",
        ),
        (
            '"""Doc.\n\nMore.\n"""\r\nx\r\n',
            '"""Doc.\n\nMore.\n"""\r\n# jaxsight: file-ignore[r]\nx\r\n',
        ),
        ('"""Doc."""', '"""Doc."""\n# jaxsight: file-ignore[r]\n'),
        ("# jaxsight: file-ignore[a] why\n", "# jaxsight: file-ignore[a, r] why\n"),
    ],
)
def test_a_file_suppression_comes_after_the_head_of_the_file(before: str, after: str) -> None:
    assert edited(before, insert_file_suppression(SourceFile("a.py", before), "r")) == after


def test_names_have_spans_for_hover() -> None:
    text = "x  # jaxsight: ignore[traced-if, prng] why"
    (item,) = parse_suppressions(SourceFile("a.py", text)).items

    assert [text[name.span.start : name.span.end] for name in item.names] == ["traced-if", "prng"]
    assert text[item.span.start : item.span.end] == "# jaxsight: ignore[traced-if, prng] why"
    assert item.kind is Kind.LINE
    assert item.span == Span(3, len(text))


@pytest.mark.parametrize("name", ["admm_lasso", "flow_realnvp"])
def test_those_of_a_parsed_file_are_those_of_its_text(name: str) -> None:
    program = next((Path(__file__).parent / "truth/programs").glob(f"{name}*.py"))
    chance = random.Random(name)
    module = None
    for _ in range(20):
        lines = program.read_text(encoding="utf-8").splitlines()
        for _ in range(5):
            line = chance.randrange(len(lines))
            lines[line] += "  # jaxsight: ignore[key-reuse]"
            lines.insert(line, " " * chance.choice((0, 4)) + "# jaxsight: file-ignore[prng] why")
        source = SourceFile("a.py", chance.choice(("\n", "\r\n")).join(lines))
        module = parse(source, module)
        assert suppressions_of(module) == parse_suppressions(source)
        assert len(suppressions_of(module)) > 5

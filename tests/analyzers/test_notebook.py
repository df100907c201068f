"""Notebooks as one module, and back into their cells and files."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.notebook import (
    Cell,
    NotebookError,
    cell_edits,
    cells_of,
    edits_between,
    is_python,
    join,
    neutralised,
    with_cells,
)


def notebook(*sources: str | list[str], indent: int | None = 1) -> str:
    cells = [{"cell_type": "code", "id": "x", "source": source} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=indent, ensure_ascii=False)


def fixed(text: str, old: str, new: str) -> str:
    """The file after a fix of the module."""
    module = join(cells_of(text))
    by_cell, refused = cell_edits(module, module.text.replace(old, new))
    assert refused == 0
    return with_cells(text, by_cell)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%matplotlib inline", "0#                "),
        ("!ls", "0# "),
        ("?", "0"),
        ("x?", "0#"),
        ("f.g??", "0#   "),
        ("y = !ls", "y = 0# "),
        ("y = %pwd", "y = 0#  "),
        ("%time z = f(x)", "0    ;z = f(x)"),
        ("%timeit -n 3 f(x)", "0#               "),
        ("if 1:\n    %foo", "if 1:\n    0#  "),
        ("%%time\nf(x)", "0#    \nf(x)"),
    ],
)
def test_a_magic_becomes_python_of_the_same_length(before: str, after: str) -> None:
    text, spans = neutralised(before)

    assert text == after
    assert len(text) == len(before)
    assert spans
    ast.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = b % c",
        "a = (b\n  % c)",
        "x = '''\n%no\n!no\n'''",
        "a = b \\\n  % c",
        "x != 3",
        "x = 1  # ok?",
    ],
)
def test_what_is_python_already_stays(text: str) -> None:
    assert neutralised(text) == (text, ())


def test_a_cell_in_another_language_and_text_cells_are_left_out() -> None:
    module = join([Cell("%%bash\nls"), Cell("# title", "markdown"), Cell("x = 1"), Cell("y = 2\n")])

    assert module.text == "# %% cell 3\nx = 1\n# %% cell 4\ny = 2\n"
    assert module.numbers == (2, 3)
    assert module.from_cell(0, 0) is None
    assert module.from_cell(1, 0) is None


@given(st.lists(st.text(alphabet="ab\n%! =()", max_size=12), max_size=5))
def test_every_place_of_a_cell_is_found_again(sources: list[str]) -> None:
    module = join([Cell(source) for source in sources])

    for number, source in enumerate(sources):
        for offset in range(len(source) + 1):
            place = module.from_cell(number, offset)
            if place is not None:
                assert module.to_cell(place) == (number, offset)


@given(st.text(alphabet="ab\n", max_size=20), st.text(alphabet="ab\n", max_size=20))
def test_the_edits_between_two_texts_turn_one_into_the_other(old: str, new: str) -> None:
    text = old
    for edit in sorted(edits_between(old, new), reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]

    assert text == new


@pytest.mark.parametrize(
    "text",
    [
        notebook(["a = 1\n", "é = 2\n", "c = 3"], ["d = 4"]),
        notebook("a = 1\né = 2\nc = 3", "d = 4"),
        notebook(["a = 1\n", "é = 2\n", "c = 3"], ["d = 4"], indent=None),
        notebook(["a = 1\n", "é = 2\n", "c = 3"], ["d = 4"], indent=2).replace("é", "\\u00e9"),
        notebook(["a = 1\n", "é = 2\n", "c = 3"], ["d = 4"]).replace("\n", "\r\n"),
    ],
)
def test_a_fix_changes_its_line_and_nothing_else_in_the_file(text: str) -> None:
    assert fixed(text, "c = 3", "c = 30") == text.replace("c = 3", "c = 30")


def test_a_line_more_keeps_the_layout_of_the_list() -> None:
    text = notebook(["a = 1\n", "b = 2"], ["d = 4"])

    assert fixed(text, "b = 2\n", "b = 2\nc = 3\n") == notebook(
        ["a = 1\n", "b = 2\n", "c = 3"], ["d = 4"]
    )


def test_what_is_inserted_at_the_end_or_the_start_of_a_cell_stays_in_it() -> None:
    text = notebook(["a = 1"], ["d = 4"])

    assert fixed(text, "a = 1\n", "a = 1\nb = 2\n") == notebook(["a = 1\n", "b = 2"], ["d = 4"])
    assert fixed(text, "d = 4\n", "c = 3\nd = 4\n") == notebook(["a = 1"], ["c = 3\n", "d = 4"])


def test_a_cell_magic_stays_the_first_line() -> None:
    text = notebook(["%%time\n", "a = 1"])

    module = join(cells_of(text))
    place = module.from_cell(0, 0)
    assert place is not None
    moved = module.edit_to_cell(Edit(Span(place, place), "import jax\n"))

    assert moved == (0, Edit(Span(7, 7), "import jax\n"))


def test_an_edit_across_cells_is_refused() -> None:
    module = join([Cell("a = 1"), Cell("b = 2")])

    everything = Span(module.starts[0], len(module.text))
    assert module.edit_to_cell(Edit(everything, "")) is None
    assert module.edit_to_cell(Edit(Span(0, 3), "")) is None


def test_an_import_before_all_cells_goes_into_the_first() -> None:
    module = join([Cell("title", "markdown"), Cell("a = 1")])

    assert module.edit_to_cell(Edit(Span(0, 0), "import jax\n")) == (
        1,
        Edit(Span(0, 0), "import jax\n"),
    )


def test_a_change_of_a_magic_is_refused() -> None:
    module = join([Cell("%time x = 1")])

    assert cell_edits(module, module.text.replace("0    ;", "")) == ({}, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a notebook: "),
        ("[]", "no list of cells"),
        ('{"cells": 3}', "no list of cells"),
    ],
)
def test_what_is_no_notebook_says_so(text: str, message: str) -> None:
    with pytest.raises(NotebookError, match=message):
        cells_of(text)


def test_cells_of_odd_shape_are_survived() -> None:
    cells = cells_of('{"cells": [3, {}, {"cell_type": "code", "source": ["x", 1]}]}')

    assert [cell.source for cell in cells] == ["", "", "x1"]


def test_a_notebook_of_another_language_is_told_from_pythons() -> None:
    assert is_python('{"cells": []}')
    assert is_python('{"cells": [], "metadata": {"kernelspec": {"language": "python"}}}')
    assert not is_python('{"cells": [], "metadata": {"language_info": {"name": "julia"}}}')

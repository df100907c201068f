"""Accepted findings survive lines moving, and count."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.baseline import BaselineError, Entry, read_baseline, write_baseline

ONE = Entry("a.py", "key-reuse", "x = f(key)")
OTHER = Entry("b.py", "traced-if", "if x > 0:  # é")


def test_what_is_written_is_accepted_as_often_as_it_was_found() -> None:
    baseline = read_baseline(write_baseline([ONE, OTHER, ONE]))

    assert [baseline.accepts(ONE) for _ in range(3)] == [True, True, False]
    assert [baseline.accepts(OTHER) for _ in range(2)] == [True, False]


def test_a_baseline_is_ordered_and_a_finding_a_line() -> None:
    text = write_baseline([OTHER, ONE, ONE])

    assert text == write_baseline([ONE, OTHER, ONE])
    assert text == (
        '{\n  "version": 1,\n  "findings": [\n'
        '    {"path": "a.py", "rule": "key-reuse", "text": "x = f(key)", "count": 2},\n'
        '    {"path": "b.py", "rule": "traced-if", "text": "if x > 0:  # é"}\n'
        "  ]\n}\n"
    )


def test_an_empty_baseline_accepts_nothing() -> None:
    assert not read_baseline(write_baseline([])).accepts(ONE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a baseline: "),
        ("[]", "is not a baseline of version 1"),
        ('{"version": 2}', "is not a baseline of version 1"),
        ('{"version": 1}', "has a finding without path, rule or text"),
        ('{"version": 1, "findings": [{"path": "a"}]}', "has a finding without"),
        ('{"version": 1, "findings": [3]}', "has a finding without"),
    ],
)
def test_what_is_no_baseline_says_how_to_get_one(text: str, message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        read_baseline(text)

    assert "--write-baseline" in str(caught.value)

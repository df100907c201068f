"""No text crashes the analysis or keeps it for long, and what fails is said."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sysconfig
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.encoding import DecodingError, decode
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.notebook import NotebookError, cells_of, join
from jaxsight_analyzers.project.sharing import Sharing
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic import budget
from jaxsight_analyzers.semantic.unit import Unit
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers import growth, hostile

ALL_FILES = "JAXSIGHT_ALL_FILES"
"""Set it, and every file of every installed package is analysed: minutes."""

SHARDS = 4
ALWAYS = ("flax/nnx", "numpyro/infer", "optax", "jax/_src/lax", "chex")
SAMPLE = 160  # of the other files
EVERY_RULE = Config(select=tuple(rule.name for rule in all_rules()))  # previews too
HANG = 600  # seconds; nothing takes that long, on whatever machine


@pytest.fixture(autouse=True)
def _hangs() -> Iterator[None]:
    """What does not end fails, and is not waited for."""
    alarm = getattr(signal, "SIGALRM", None)
    if alarm is None:
        yield
        return

    def fail(*_: object) -> None:
        raise TimeoutError(f"it takes more than {HANG} seconds")

    before = signal.signal(alarm, fail)
    signal.alarm(HANG)
    yield
    signal.alarm(0)
    signal.signal(alarm, before)


def _analysed(text: str, path: str = "a.py") -> Analysis:
    analysis = analyse(SourceFile(path, text), EVERY_RULE)
    assert analysis.crashes == (), path
    return analysis


@cache
def _installed() -> tuple[Path, ...]:
    """The files of the environment, in an order that is always the same and has no other meaning."""
    site = Path(sysconfig.get_path("purelib"))
    everything = sorted(site.rglob("*.py"))
    if os.environ.get(ALL_FILES):
        return tuple(everything)
    folders = tuple(f"{site.as_posix()}/{folder}/" for folder in ALWAYS)
    chosen = [path for path in everything if path.as_posix().startswith(folders)]
    chance = random.Random(len(everything))  # others for another environment
    return (*chance.sample(chosen, min(len(chosen), SAMPLE)), *chance.sample(everything, SAMPLE))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_installed_files_are_analysed(shard: int) -> None:
    for path in _installed()[shard::SHARDS]:
        data = path.read_bytes()
        try:
            text = decode(data).text
        except DecodingError:
            text = data.decode("latin-1")
        _analysed(text, str(path))


@pytest.mark.parametrize(
    "arguments", ["", "x", "*what(x)", "**what(x)", "x, *what(x)", "*jnp.broadcast_arrays(x, x)"]
)
def test_known_functions_with_arguments_nobody_can_count(arguments: str) -> None:
    names = [name for name in load().function_names if name.isascii() and _is_path(name)]
    assert len(names) > 800
    calls = "".join(f"    y = {name}({arguments})\n" for name in names)
    libraries = ", ".join(sorted({name.partition(".")[0] for name in names}))
    text = f"import {libraries}\nimport jax.numpy as jnp\nfrom elsewhere import what\n"
    for transformation in ("jit", "grad"):
        text += f"@jax.{transformation}\ndef {transformation}(x):\n{calls}    return y\n"
    _analysed(text)


def _is_path(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


@pytest.mark.parametrize("name", hostile.odd())
def test_odd_characters_are_analysed(name: str) -> None:
    _analysed(hostile.odd()[name])


@pytest.mark.parametrize("name", hostile.curious())
def test_curious_programs_are_analysed(name: str) -> None:
    text = hostile.curious()[name]
    _analysed(text)
    _analysed(text + text)
    _analysed("def everything(self, x):\n    " + text.replace("\n", "\n    ") + "return x\n")


def test_curious_programs_are_python() -> None:
    assert hostile.unparseable() == []


@pytest.mark.parametrize("seed", range(3))
def test_programs_of_all_statements_are_analysed(seed: int) -> None:
    for text in hostile.programs(60, seed):
        _analysed(text)


@pytest.mark.slow
@pytest.mark.parametrize("depth", hostile.DEPTHS)
def test_deep_texts_are_analysed(depth: int) -> None:
    for name, text in hostile.nested(depth).items():
        analysis = _analysed(hostile.BEGINNING + text + hostile.USE, name)
        if depth <= 50 and name not in ("open brackets", "tries"):
            assert not [said for said in analysis.given_up if "too deeply" in said], name
        if name not in ("open brackets", "tries", "f-strings"):  # which leave all the rest open
            assert [d.rule for d in analysis.diagnostics] == ["traced-if"], name


@pytest.mark.parametrize("depth", [300, 700, 990])
def test_of_what_is_too_deep_one_statement_is_left_out_and_that_is_said(depth: int) -> None:
    chain = hostile.nested(depth)["chain of calls"]

    analysis = _analysed(hostile.BEGINNING + "y = 0\n" + chain + hostile.USE.replace("0:", "y:"))

    assert [d.rule for d in analysis.diagnostics] == ["traced-if"]
    assert analysis.given_up == ("line 4: the code is nested too deeply to be followed",)


def test_a_long_sum_is_followed() -> None:
    text = f"{hostile.BEGINNING}\n@jax.jit\ndef f(x):\n    if {'1 + ' * 900}x:\n        pass\n"

    analysis = _analysed(text)

    assert [d.rule for d in analysis.diagnostics] == ["traced-if"]
    assert analysis.given_up == ()


def test_what_python_cannot_read_is_a_sentence() -> None:
    analysis = _analysed("y = " + "(1, " * 300 + "1" + ")" * 300)

    assert [p.message for p in analysis.problems] == [
        "this is nested too deeply for Python to read it"
    ]


_LIMITS = {
    "ways": (
        "def f(x):\n    return x\n\n" + "".join(f"f({i})\n" for i in range(30)),
        "`f` (line 3) is called in more than 24 ways: its arguments are followed in less detail",
    ),
    "loops": (
        "\n".join(f"{'  ' * i}for i in range(9):" for i in range(5)) + "\n" + " " * 10 + "pass\n",
        "line 7: a loop in more than 4 loops is followed through one pass only",
    ),
    "items": (
        f"\n@jax.jit\ndef f(x):\n    return [{'x, ' * 100}]\n",
        "line 6: a container is too big or too deep to be followed item by item",
    ),
    "closures": (
        "@jax.jit\ndef f(x):\n    def g(y):\n        return x, y\n\n"
        + "".join(f"    g({i})\n" for i in range(30)),
        "`g` (line 5) is called in more than 12 ways in one function: it is not followed in the others",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _LIMITS)
def test_what_is_given_up_is_said_and_stays_said(name: str) -> None:
    text, sentence = _LIMITS[name]
    text = hostile.BEGINNING + text

    analysis = _analysed(text)
    after = analyse(SourceFile("a.py", text + "\nz = 1\n"), previous=analysis)
    less = analyse(SourceFile("a.py", hostile.BEGINNING), previous=after)

    assert analysis.given_up == after.given_up == (sentence,)
    assert less.given_up == ()


def test_a_file_that_asks_for_too_much_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "BUDGET", 3)
    monkeypatch.setattr(budget, "BUDGET_OF_FUNCTION", 0)
    calls = "".join(f"def f{i}(x):\n    return jnp.sin(x)\n\n" for i in range(9))

    analysis = _analysed(hostile.BEGINNING + calls)

    assert "`f8` (line 27) is not followed in each call: the file asks for too much" in (
        analysis.given_up
    )


def test_other_files_that_ask_for_too_much_leave_what_is_found_in_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "BUDGET_ELSEWHERE", 3)
    other = hostile.BEGINNING + "".join(f"def f{i}(x):\n    return {i}\n\n" for i in range(9))
    calls = "".join(f"other.f{i}(1)\n" for i in range(9))
    text = f"{hostile.BEGINNING}import other\n{calls}@jax.jit\ndef f(x):\n    if x > 0:\n        return x\n"
    workspace = Workspace.of({"a.py": text, "other.py": other})

    alone = analyse(SourceFile("a.py", text), workspace=workspace)
    shared = Sharing(workspace).analyse("a.py", Config(), {}, None, ())

    assert any(sentence.startswith("`f8` (other.py, line ") for sentence in alone.given_up)
    assert alone.given_up == shared.given_up
    assert [each.rule for each in alone.diagnostics] == ["traced-if"]
    assert alone.diagnostics == shared.diagnostics


def _growth(small: str, big: str) -> tuple[float, float]:
    """The time of the processor for a text and for one four times as long, in one run."""
    times: list[float] = []
    for text in (small, big):
        gc.collect()
        start = time.process_time()
        _analysed(text)
        times.append(time.process_time() - start)
    return times[0], times[1]


def _grows_with_size(small: str, big: str) -> bool:
    """Whether four times the text takes clearly less than the sixteen times of what grows with the square."""
    for _ in range(3):  # other work on the machine disturbs one of them, not all
        one, four = _growth(small, big)
        if four < 12 * max(one, 0.01):
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile.enormous())
def test_time_for_enormous_texts_grows_with_their_size(name: str) -> None:
    texts = [hostile.enormous(share)[name] for share in (0.25, 1)]
    assert _grows_with_size(*[hostile.BEGINNING + text for text in texts])


_ENOUGH = {"tree_of_calls": 50}
"""With fewer functions there are fewer ways of calling them than are told apart."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", growth.KINDS, ids=lambda kind: kind.__name__)
def test_time_grows_with_size_and_not_with_what_could_happen(kind: Callable[[int], str]) -> None:
    """A hundred of each in each other, or one after the other: nothing grows with the square."""
    size = _ENOUGH.get(kind.__name__, 25)
    assert _grows_with_size(kind(size), kind(4 * size))


_DECLARED = {
    "latin-1": ("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), "é"),
    "utf-8-sig": ("\ufeff# coding: utf-8-sig\nx = 'é'\n".encode(), "é"),
    "cp1252 on the second line": ("#!/bin/python\n# vim: set fileencoding=cp1252 :\nx = '€'\n".encode("cp1252"), "€"),
    "utf-16": (b"# coding: utf-16\nx = 1\n", None),
    "unknown": (b"# coding: no-such-thing\nx = 1\n", None),
    "a codec of bytes": (b"# coding: hex\n00\n", None),
    "rot13": (b"# coding: rot13\nk = 1\n", None),
    "undefined": (b"# coding: undefined\nx = 1\n", None),
    "idna": (b"# coding: idna\nx..y\n", None),
    "punycode": (b"# coding: punycode\nx = 1\xff\n", None),
    "unicode_escape": (b"# coding: unicode_escape\nx = '\\x'\n", None),
    "not what it says": (b"# coding: ascii\nx = '\xff'\n", None),
    "nothing": (b"", ""),
    "a mark alone": (b"\xef\xbb\xbf", ""),
    "half a mark": (b"\xef\xbb", None),
}  # fmt: skip


@pytest.mark.parametrize("name", _DECLARED)
def test_declared_encodings_are_read_or_refused(name: str) -> None:
    data, inside = _DECLARED[name]
    try:
        text = decode(data).text
    except DecodingError:
        text = None
    if inside is not None:
        assert text is not None and inside in text
    if text is not None:
        _analysed(text)


def _notebook(*sources: object) -> str:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4})


_NOTEBOOKS = {
    "nothing": "",
    "no cells": "{}",
    "empty list": '{"cells": []}',
    "cells of another kind": '{"cells": {"a": 1}}',
    "cells that are none": '{"cells": [null, 1, "x", []]}',
    "source of another kind": _notebook(1, None, {"a": 1}, [1, None], ["x\n", 2]),
    "list": "[1, 2]",
    "number": "1e999",
    "not JSON": "{'cells': ...}",
    "cut": _notebook("import jax\n" * 9)[:-7],
    "nested": '{"cells": ' + "[" * 50_000,
    "null in a cell": _notebook("x\0 = 1", "\ud800 = 1", "\ufeffy = 2"),
    "broken cells": _notebook("def f(:", "import jax", "x = (", "'''", "%%bash\nls", "!", "?", "%"),
    "huge": _notebook(*["import jax\nx = jax.numpy.ones(3)\n" * 20] * 1000),
    "one huge cell": _notebook("x = 1\n" * 100_000),
    "many empty cells": _notebook(*[""] * 20_000),
}


@pytest.mark.parametrize("name", _NOTEBOOKS)
def test_notebooks_are_analysed_or_refused(name: str) -> None:
    try:
        module = join(cells_of(_NOTEBOOKS[name]))
    except NotebookError:
        return  # said in a sentence, where it is raised
    _analysed(module.text)


def _fails(_unit: Unit) -> Iterator[Finding]:
    raise RecursionError("deep")


def _fails_late(unit: Unit) -> Iterator[Finding]:
    yield from next(rule for rule in all_rules() if rule.name == "traced-if").check(unit)
    raise MemoryError


def test_a_rule_that_fails_loses_nothing_of_the_others_and_is_named_once() -> None:
    text = hostile.BEGINNING + hostile.USE * 3
    bad = [Rule(f"bad-{c.__name__}", Severity.ERROR, "0.1.0", c, ()) for c in (_fails, _fails_late)]
    good = analyse(SourceFile("a.py", text))
    assert len(good.diagnostics) == 3

    analysis = analyse(SourceFile("a.py", text), rules=[*bad, *all_rules()])

    assert [d for d in analysis.diagnostics if not d.rule.startswith("bad-")] == list(
        good.diagnostics
    )
    for rule in bad:
        assert sum(f"`{rule.name}`" in crash for crash in analysis.crashes) == 1

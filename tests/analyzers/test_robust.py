"""No text crashes the analysis or keeps it for long, and what fails is said."""

from __future__ import annotations

import json
import os
import random
import sysconfig
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.encoding import DecodingError, decode
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.notebook import NotebookError, cells_of, join
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic.model import Unit
from jaxsight_analyzers.source import SourceFile
from tests.analyzers import growth, hostile

ALL_FILES = "JAXSIGHT_ALL_FILES"
"""Set it, and every file of every installed package is analysed: minutes."""

SHARDS = 4
ALWAYS = ("flax/nnx", "numpyro/infer", "optax", "jax/_src/lax", "chex")
SAMPLE = 160  # of the other files
SECONDS_PER_FILE = 20.0  # of the processor, for the largest files on a slow machine


def _analysed(text: str, path: str = "a.py") -> Analysis:
    analysis = analyse(SourceFile(path, text))
    assert [c for c in analysis.crashes if "nested too deeply" not in c] == [], path
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
        start = time.process_time()
        _analysed(text, str(path))
        assert time.process_time() - start < SECONDS_PER_FILE, path


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
        analysis = _analysed(hostile.BEGINNING + text, name)
        if depth <= 50 and name not in ("open brackets", "tries"):
            assert analysis.crashes == (), name


def test_what_is_too_deep_is_said() -> None:
    text = hostile.nested(300)["chain of calls"]

    analysis = _analysed(hostile.BEGINNING + text)

    assert ["nested too deeply" in crash for crash in analysis.crashes] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile.enormous())
def test_enormous_texts_are_analysed(name: str) -> None:
    start = time.process_time()
    _analysed(hostile.BEGINNING + hostile.enormous()[name])
    assert time.process_time() - start < SECONDS_PER_FILE


@pytest.mark.slow
@pytest.mark.parametrize("kind", growth.KINDS, ids=lambda kind: kind.__name__)
def test_time_grows_with_size_and_not_with_what_could_happen(kind: Callable[[int], str]) -> None:
    """Nothing is exponential: a hundred of each in each other, or one after the other, ends."""
    start = time.process_time()
    _analysed(kind(100))
    assert time.process_time() - start < SECONDS_PER_FILE / 4


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

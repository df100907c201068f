"""What edits leave behind: no tree waits for the collector, and nothing grows with the number of edits."""

from __future__ import annotations

import ast
import gc
import random
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CellType, FunctionType
from typing import cast

import pytest

from jaxsight_analyzers import garbage
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.parsed import parse

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@contextmanager
def cycles() -> Generator[Counter[type[object]]]:
    """The types of the objects that only the collector could free, counted at the end."""
    found: Counter[type[object]] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update([cast("type[object]", type(thing)) for thing in gc.garbage])
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def edited(text: str, times: int, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    lines = text.split("\n")
    for number in range(times):
        line = chance.randrange(len(lines))
        changed = (f"{lines[line]}  # {number}", "", f"{lines[line]}(", f"\n{lines[line]}")[
            number % 4
        ]
        yield "\n".join([*lines[:line], changed, *lines[line + 1 :]])


def test_trees_are_freed_without_the_collector() -> None:
    """The collector is what makes long pauses, and trees are most of what there is to look at."""
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        module = parse(SourceFile("model.py", text))
        with cycles() as found:
            for changed in edited(text, 40, seed=1):
                module = parse(SourceFile("model.py", changed), module)
                list(ast.walk(module.tree))

        assert not found, path.name


CIRCLES = """
import jax

seen = []

class Trainer:
    def __init__(self, model):
        self.model = model
        self.steps = 0

    def step(self, x):
        self.steps += 1
        seen.append(x)
        return self.model(x)

def repeated(times):
    def down(x, n):
        return x if n == 0 else up(x, n - 1)

    def up(x, n):
        handlers = [down, lambda y: up(y, n)]
        return handlers[0](x, n)

    return lambda x: jax.vmap(lambda y: down(y, times))(x)

@jax.jit
def run(x, key):
    trainer = Trainer(repeated(3))
    a, b = jax.random.split(key)
    for _ in range(3):
        x = trainer.step(x) + jax.random.normal(a)
    return jax.lax.scan(lambda carry, y: (carry + y, seen), x, x)
"""


@pytest.mark.parametrize("text", [CIRCLES, *[path.read_text("utf-8") for path in EXAMPLES]])
def test_runs_and_edits_leave_nothing_to_the_collector(text: str) -> None:
    """What is dropped is freed at once: frames, closures, effects and definitions hold no circles."""
    analyse(SourceFile("model.py", text + "("))  # imports what is needed now and then
    with cycles() as found:
        analysis = analyse(SourceFile("model.py", text))
        for changed in edited(text, 60, seed=2):
            analysis = analyse(SourceFile("model.py", changed), previous=analysis)

    # Functions that call themselves, such as `ast.dump` makes, and what they close over.
    assert found.keys() <= {FunctionType, CellType, tuple, list}, found


def test_what_is_held_does_not_grow_with_the_number_of_edits() -> None:
    text = (ROOT / "examples" / "train_nnx.py").read_text(encoding="utf-8")
    analysis = analyse(SourceFile("model.py", text))
    held: list[int] = []
    for seed in range(4):
        for changed in (*edited(text, 60, seed), text):
            analysis = analyse(SourceFile("model.py", changed), previous=analysis)
        gc.collect()
        held.append(len(gc.get_objects()))

    assert held[-1] <= held[0] * 1.01, held


def test_an_analysis_that_is_dropped_leaves_nothing_to_the_collector() -> None:
    analyse(SourceFile("model.py", CIRCLES))
    with cycles() as found:
        for _ in range(3):
            analysis = analyse(SourceFile("model.py", CIRCLES))
            assert analysis.state.interpretation.live
            del analysis

    assert not found


def test_all_is_looked_at_once_much_more_memory_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else circles that nobody knows of stay until someone collects them by hand."""
    monkeypatch.setattr(garbage, "_YOUNG", 100)
    generations: list[int] = []

    def note(phase: str, facts: dict[str, int]) -> None:
        if phase == "stop":
            generations.append(facts["generation"])

    text = (ROOT / "examples" / "heat.py").read_text(encoding="utf-8")
    analysis = analyse(SourceFile("model.py", text))
    monkeypatch.setattr("jaxsight_analyzers.garbage._Memory.blocks", sys.getallocatedblocks() // 2)
    monkeypatch.setattr(garbage, "_SOME", 0)
    gc.callbacks.append(note)
    try:
        for changed in edited(text, 60, seed=3):
            analysis = analyse(SourceFile("model.py", changed), previous=analysis)
    finally:
        gc.callbacks.remove(note)

    assert generations.count(2) == 1

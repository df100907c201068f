"""An edit leads to what a fresh analysis of the new text finds: in diagnostics and in effects."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from jaxsight_analyzers.diagnostic import Related, Route, Span
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.semantic.effect_streams import Effect
from jaxsight_analyzers.source import SourceFile

PROGRAM = """\
import jax
import jax.numpy as jnp
import time

scale = 1.0
history = []
LOG = []
config = {}
counter = 0


def record(log, x):
    log.append(x)
    print("recorded")


class Trainer:
    def __init__(self):
        self.step = jax.jit(self._step)

    def remember(self, x):
        self.last = x

    def _step(self, x):
        self.remember(x)
        put(history, x)
        return x * config["a"]


def put(table, x):
    record(table, x)
    record(LOG, x)


@jax.jit
def step(params, key, x):
    record(history, x)
    params["w"] = jax.random.normal(key) + jax.random.uniform(key)

    def inner(y):
        params["z"] = y
        return helper(LOG, y)

    inner(x)
    if x > 0:
        return x * scale
    return x


def helper(log, x):
    log.append(x)
    if x is None:
        helper(log, 1)
    return x + counter


def bump(x):
    global counter
    counter = x


def loss(table, x=[]):
    x.append(table)
    put(table, 1)
    return helper(history, x)


config["a"] = 2.0
grad = jax.grad(loss)
grad(LOG, history)
scale = 2.0
"""

LINES = (
    "    print(x)",
    "    LOG.append(x)",
    "    params['w'] = x",
    "    global counter",
    "    counter = 1",
    "    time.time()",
    "    helper(LOG, x)",
    "    key = jax.random.key(0)",
    "scale = 2.0",
    "LOG = []",
    "config['a'] = 1",
    "@jax.jit",
    "",
)


def edited(text: str, chance: random.Random) -> str:
    """The text with a line more, a line less, a name changed, or a block moved."""
    lines = text.split("\n")
    where = chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        lines.insert(where, chance.choice(LINES))
    elif kind == 1:
        if not lines[where].startswith(
            "def "
        ):  # two functions in one would call each other without end
            del lines[where]
    elif kind == 2:
        old, new = chance.sample(["x", "y", "log", "key", "table", "params", "LOG", "history"], 2)
        lines[where] = lines[where].replace(old, new)
    else:
        blocks = text.split("\n\n\n")
        blocks.insert(chance.randrange(len(blocks)), blocks.pop(chance.randrange(len(blocks))))
        return "\n\n\n".join(blocks)
    return "\n".join(lines)


DONATING = """\
import jax
import jax.numpy as jnp

advance = jax.jit(lambda x, y: x + y, donate_argnums=0)


params = jnp.ones(3)
kept = params


moved = advance(params, params * 2)
print(kept)


for _ in range(3):
    moved = advance(moved, kept)


def run(key):
    x = jnp.ones(3)
    log = x
    y = advance(x, key)
    return log + x + y


def hand_on(state):
    other = advance(state, 1.0)
    return other


def use(x):
    state = jnp.ones(3)
    hand_on(state)
    return run(state) + state


print(params, moved)
"""

STEPS = (
    "params = advance(params, 2.0)",
    "advance(moved, kept)",
    "    x = advance(x, x)",
    "params = moved",
    "kept = jnp.copy(params)",
    "print(moved)",
    "    log = y",
    "    state = advance(state, 2.0)",
    "    state = jnp.copy(state)",
    "moved = hand_on(params)",
)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_donated_is_known_after_an_edit(seed: int) -> None:
    chance = random.Random(seed)
    last = DONATING
    analysis = analysed(last)
    for _ in range(20):
        lines = last.split("\n")
        where = chance.randrange(4, len(lines))
        if chance.random() < 0.5:
            lines.insert(where, chance.choice(STEPS))
        else:
            del lines[where]
        text = "\n".join(lines)
        analysis = analysed(text, analysis)
        if not analysis.problems:
            last = text
            assert_as_fresh(analysis, text)


def test_a_line_is_gone_and_nothing_stands_in_its_place() -> None:
    text = """\
import jax

key = jax.random.key(0)
x = jax.random.normal(key)
key = jax.random.key(1)
y = jax.random.normal(key)
"""
    shorter = text.replace("key = jax.random.key(1)\n", "")
    analysis = analysed(shorter, analysed(text))
    assert [one.rule for one in analysis.diagnostics] == ["key-reuse"]
    assert_as_fresh(analysis, shorter)


@pytest.mark.parametrize("seed", range(12))
def test_an_edit_leads_where_a_fresh_analysis_does(seed: int) -> None:
    chance = random.Random(seed)
    text, last = PROGRAM, PROGRAM
    analysis = analysed(text)
    for _ in range(30):
        text = edited(last if chance.random() < 0.7 else PROGRAM, chance)
        analysis = analysed(text, analysis)
        if analysis.problems:
            continue
        last = text
        assert_as_fresh(analysis, text)


def test_a_recursive_call_in_another_way_is_looked_at_again() -> None:
    text = (
        "import jax\n\n\n@jax.jit\n{}def keep(log, x):\n    log.append(x)\n"
        "    if x is None:\n        keep(log, 1)\n    return x\n"
    )
    after = text.format("\n")
    assert_as_fresh(analysed(after, analysed(text.format(""))), after)


def analysed(text: str, previous: Analysis | None = None) -> Analysis:
    analysis = analyse(SourceFile("a.py", text), previous=previous)
    assert analysis.crashes == ()
    return analysis


def assert_as_fresh(analysis: Analysis, text: str) -> None:
    fresh = analysed(text)
    assert analysis.diagnostics == fresh.diagnostics
    assert effects(analysis) == effects(fresh)


def effects(analysis: Analysis) -> list[object]:
    """The effects in each unit, with their places in the text, whichever nodes they are seen at."""
    return [
        (unit.number, *shown(effect, analysis))
        for unit in analysis.model.units
        for effect in unit.effects
    ]


def shown(effect: Effect, analysis: Analysis) -> Iterator[object]:
    for field in effect._fields:
        value = getattr(effect, field)
        if field in ("later", "related"):
            yield tuple(places(value, analysis))
        elif field != "node":
            yield value


def places(routes: tuple[Route, ...], analysis: Analysis) -> Iterator[tuple[Span, str]]:
    for route in routes:
        found: tuple[Related, ...] = route.places(analysis.model)
        yield from ((related.span, related.message) for related in found)

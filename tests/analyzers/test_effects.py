"""The stream of effects that rules ask a unit for."""

from __future__ import annotations

import sys

import pytest

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.semantic.effect_streams import Effect
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

CODE = """\
import jax

scale = 1.0
history = []

@jax.jit
def step(params, x):
    record(history, x)
    params["w"] = x
    return x * scale

def record(log, x):
    log.append(x)

@jax.jit
def guarded(x):
    if not isinstance(x, jax.core.Tracer):
        history.append(x)
    return x

scale = 2.0
"""


def test_an_effect_has_its_place_and_what_traces_it() -> None:
    found = effects(CODE)

    leak = found["write", "history"]
    assert text(leak) == "log.append(x)"
    assert (leak.category, leak.value) == ("module container", Certainty.YES)
    assert (leak.function, leak.enclosing, leak.traced) == ("jax.jit", "record", True)
    assert not leak.legitimate
    assert places(leak) == [
        "`step` is compiled by `jax.jit` here",
        "`record` is called here",
    ]


def test_a_read_says_what_changes_the_name() -> None:
    read = effects(CODE)["read", "scale"]

    assert [CODE[span.start : span.end] for span in read.changes] == ["scale"]
    assert read.changes[0].start == CODE.rindex("scale")
    assert read.certainty is Certainty.YES


@pytest.mark.parametrize("clause", ["except", "except*"])
def test_what_may_fail_is_not_certain(clause: str) -> None:
    if clause == "except*" and sys.version_info < (3, 11):
        pytest.skip("no syntax of this Python")
    caught = f"try:\n    scale = work()\n{clause} ValueError:\n    pass\n"
    read = effects(CODE.replace("scale = 2.0\n", caught))["read", "scale"]

    assert read.certainty is Certainty.MAYBE


def test_a_copy_that_is_changed_and_not_returned() -> None:
    lost = effects(CODE)["write", "params"]

    assert lost.copied
    assert not lost.returned
    assert effects(CODE.replace("return x * scale", "return params"))["write", "params"].returned


def test_code_that_looks_for_tracers_is_left_alone() -> None:
    guarded = [e for e in everything(CODE) if e.enclosing == "guarded"]

    assert guarded == []


def test_nothing_is_merged_before_a_rule_asks() -> None:
    analysis = analyse(SourceFile("a.py", CODE), Config(), {})

    assert all("effects" not in vars(unit) for unit in analysis.model.units)


def places(effect: Effect, code: str = CODE) -> list[str]:
    """What explains an effect, as the engine resolves it for a finding."""
    model = analyse(SourceFile("a.py", code), Config(), {}).model
    found = next(e for unit in model.units for e in unit.effects if e.span == effect.span)
    return [place.message for route in found.related for place in route.places(model)]


def effects(code: str) -> dict[tuple[str, str], Effect]:
    return {(effect.kind, effect.what): effect for effect in everything(code)}


def everything(code: str) -> list[Effect]:
    analysis = analyse(SourceFile("a.py", code), Config(), {})
    assert analysis.crashes == ()
    return [effect for unit in analysis.model.units for effect in unit.effects]


def text(effect: Effect) -> str:
    return CODE[effect.span.start : effect.span.end]


def test_a_name_that_nobody_read_for_a_while_is_not_what_it_was() -> None:
    function = "import jax\n\n\ndef f(x):\n{}    return jax.numpy.sin(x)\n"
    texts = (
        function.format("    LOG.append(x)\n") + "\n\nLOG = []\n",
        function.format(""),
        function.format("    LOG.append(x)\n"),
    )
    analysis = None
    found: list[int] = []
    for text in texts:
        analysis = analyse(SourceFile("a.py", text), previous=analysis)
        found.append(sum(len(unit.effects) for unit in analysis.model.units))
    assert found == [1, 0, 0]

"""A defect of ours costs what it touches: the rest is served, and it is logged once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tests.server.conftest import Client

from jaxsight_analyzers import engine
from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic.interpretation import Interpretation
from jaxsight_analyzers.semantic.unit import Unit

URI = "file:///work/a.py"
OTHER = "file:///work/b.py"
TEXT = "import jax.numpy as jnp\n\nx = jnp.zeros(3)\nx[0] = 1.0\n"


def _fails(_unit: Unit) -> Iterator[Finding]:
    raise ZeroDivisionError("a defect")


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


async def _rules(client: Client, uri: str) -> list[str]:
    return [item["code"] for item in (await client.pull(uri))["items"]]


async def test_a_rule_that_fails_is_named_once_and_the_others_are_served(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Rule("bad", Severity.ERROR, "0.1.0", _fails, ())
    monkeypatch.setattr(engine, "all_rules", lambda: (bad, *all_rules()))
    await client.initialize()
    client.open(URI, TEXT)

    assert await _rules(client, URI) == ["array-item-assignment"]
    client.change(URI, 2, {"text": TEXT + "\ny = 1\n"})
    assert await _rules(client, URI) == ["array-item-assignment"]
    assert [error.partition(" failed")[0] for error in _errors(caplog)] == ["rule `bad`"]


async def test_when_the_analysis_of_a_document_raises_the_others_and_its_next_text_are_served(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    update = Interpretation.update

    def fails_on_one(self: Interpretation, *arguments: object) -> None:
        if "defect" in arguments[0].source.text:  # type: ignore[attr-defined]
            raise ZeroDivisionError("a defect")
        update(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Interpretation, "update", fails_on_one)
    await client.initialize()
    client.open(URI, TEXT)
    client.open(OTHER, TEXT)
    assert await _rules(client, URI) == ["array-item-assignment"]

    client.change(URI, 2, {"text": TEXT + "defect = 1\n"})
    with pytest.raises(Exception, match="a defect"):
        await client.pull(URI)
    assert await _rules(client, OTHER) == ["array-item-assignment"]
    client.change(URI, 3, {"text": TEXT + "mended = 1\n"})
    assert await _rules(client, URI) == ["array-item-assignment"]
    assert any("a defect" in str(r.exc_info or r.getMessage()) for r in caplog.records)


async def test_what_is_given_up_is_logged_once_and_is_no_diagnostic(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loops = "".join(f"{'  ' * depth}for i in range(9):\n" for depth in range(5))
    text = f"import jax\n{loops}{' ' * 10}jax.devices()\n"
    await client.initialize()
    client.open(URI, text)

    assert await _rules(client, URI) == []
    client.change(URI, 2, {"text": text + "x = 1\n"})
    assert await _rules(client, URI) == []
    told = [r.getMessage() for r in caplog.records if "followed" in r.getMessage()]
    assert told == [
        "/work/a.py: line 6: a loop in more than 4 loops is followed through one pass only"
    ]

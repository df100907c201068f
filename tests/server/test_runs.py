"""Runs that a client asks for, by a real runner, and what of them stays in the document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsight_server.uris import uri_of

if TYPE_CHECKING:
    from tests.server.conftest import Client

TEXT = """\
import jax
import jax.numpy as jnp

# jaxsight: inputs x: f32[B, 64], w: f32[64, 10]
@jax.jit
def f(x, w: jax.Array):
    y = jnp.tanh(
        x @ w
    )
    π, total = y * 2, jnp.sum(y)
    return total
"""
LONG = 120  # seconds; a run starts a Python and jax


async def ran(client: Client, uri: str, kind: str, **more: str) -> Any:
    """What came of running `f`."""
    wanted = {"kind": kind, "uri": uri, "target": "f", "interpreter": sys.executable, **more}
    answer = await client.answer(client.send("jaxsight/run", wanted), LONG)
    assert answer["status"] == "done", answer
    return answer["report"]


async def hints(client: Client, uri: str, first: int = 0, last: int = 100) -> list[str]:
    """The lines of the document with their hints in them, as an editor draws them."""
    lines = {number: list(line) for number, line in enumerate(TEXT.splitlines())}
    wanted = {
        "textDocument": {"uri": uri},
        "range": {
            "start": {"line": first, "character": 0},
            "end": {"line": last, "character": 0},
        },
    }
    found: list[Any] = await client.request("textDocument/inlayHint", wanted) or []
    places = sorted(
        (one["position"]["line"], one["position"]["character"], str(one["label"])) for one in found
    )
    for line, character, label in reversed(places):
        lines[line].insert(character, f"‹{label}›")
    drawn = ("".join(line).strip() for line in lines.values())
    return [line for line in drawn if "‹" in line]


async def test_shapes_are_shown_beside_variables_until_the_text_changes(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "model.py"
    path.write_text(TEXT, "utf-8")
    uri = uri_of(path)
    await client.initialize()
    client.open(uri, TEXT)
    assert await hints(client, uri) == []
    report = await ran(client, uri, "shapes")
    assert report["kind"] == "shapes"
    await client.until("workspace/inlayHint/refresh")
    assert await hints(client, uri) == [
        "def f(x‹: f32[B,64]›, w‹: f32[64,10]›: jax.Array):",
        "y‹: f32[B,10]› = jnp.tanh(",
        "π‹: f32[B,10]›, total‹: f32[]› = y * 2, jnp.sum(y)",
        "return total‹  → f32[]›",
    ]
    assert await hints(client, uri, 10, 10) == ["return total‹  → f32[]›"]
    settings = {"jaxsight": {"inlayHints": {"shapes": False}}}
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert await hints(client, uri) == []
    client.notify("workspace/didChangeConfiguration", {"settings": {"jaxsight": {}}})
    client.change(uri, 2, {"text": TEXT + "\n"})
    assert await hints(client, uri) == []  # they speak of another text


async def test_inspection_brings_the_program_and_leaves_its_words(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "model.py"
    text = TEXT.replace("[B, 64]", "[8, 64]")
    path.write_text(text, "utf-8")
    uri = uri_of(path)
    await client.initialize()
    client.open(uri, text)
    report = await ran(client, uri, "inspection")
    assert [program["form"] for program in report["programs"]] == ["jaxpr", "stablehlo", "hlo"]
    report = await ran(client, uri, "diagnosis")
    assert report["kind"] == "diagnosis"
    split = 'x: f32[8, 64] @ P("data", None), w: f32[64, 10]'
    report = await ran(client, uri, "sharding", input=split)
    assert report["kind"] == "sharding" and report["simulated"]
    found = await client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    titles = [lens["command"]["title"] for lens in found]
    assert titles[:3] == ["Benchmark", "Check gradients", "Inspect"]
    assert "FLOP" in titles[3] and "3 calls" in titles[4], titles
    assert "8 simulated devices" in titles[5], titles

"""Inspections by real runners: lines, texts, memory, donation, collectives."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.runner.conftest import Bench, Seen

from jaxsight_runner.protocol import (
    Failure,
    InspectionOptions,
    InspectionReport,
    InspectionRequest,
    from_json,
    to_json,
)

WITHOUT_DEVICE = InspectionOptions(programs=True, roofline=False)


def _request(options: InspectionOptions = WITHOUT_DEVICE) -> InspectionRequest:
    return InspectionRequest("", "", "", options=options)


async def _inspected(
    bench: Bench, text: str, spec: str, options: InspectionOptions = WITHOUT_DEVICE
) -> InspectionReport:
    seen: Seen = await bench(text, spec, other=_request(options))
    assert isinstance(seen.outcome, InspectionReport), seen.outcome
    return seen.outcome


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


LAYERS = """
import jax
import jax.numpy as jnp

@jax.jit
def f(w, x):
    h = x @ w
    return jnp.tanh(h).sum()
"""


async def test_lines_carry_their_cost_and_their_text(bench: Bench) -> None:
    report = await _inspected(bench, LAYERS, "w: f32[64, 64], x: f32[32, 64]")
    product, rest = report.lines
    assert (product.line, product.flops, product.text) == (7, 2 * 32 * 64 * 64, "h = x @ w")
    assert (rest.line, rest.transcendentals) == (8, 32 * 64)
    assert report.flops == product.flops + rest.flops
    assert report.cost.flops == pytest.approx(report.flops, rel=0.02)
    assert report.stages.compile > 0
    assert report.memory is not None
    assert report.memory.arguments == 4 * (64 * 64 + 32 * 64)


async def test_every_text_of_the_program_is_linked_to_the_source(bench: Bench) -> None:
    report = await _inspected(bench, LAYERS, "w: f32[64, 64], x: f32[32, 64]")
    assert [program.form for program in report.programs] == ["jaxpr", "stablehlo", "hlo"]
    words = {"jaxpr": "dot_general", "stablehlo": "stablehlo.dot_general", "hlo": "dot"}
    for program in report.programs:
        lines = program.text.splitlines()
        linked = {lines[link.text_line - 1]: link.line for link in program.links}
        assert any(words[program.form] in line and at == 7 for line, at in linked.items()), program
        assert any("tanh" in line and at == 8 for line, at in linked.items()), program
        assert not any("loc(#" in line or "# /" in line for line in lines)


async def test_nothing_is_run(bench: Bench, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f"""
    import jax

    def touch(x):
        open({str(marker)!r}, "w").close()
        return x

    def f(x):
        return jax.pure_callback(touch, x, x)
    """
    await _inspected(bench, text, "x: f32[3]")
    assert not marker.exists()


async def test_donation_that_took_effect_and_that_did_not(bench: Bench) -> None:
    text = """
    from functools import partial
    import jax

    @partial(jax.jit, donate_argnums=0)
    def f(x):
        return x + 1
    """
    report = await _inspected(bench, text, "x: f32[1024]")
    assert report.donation is not None
    assert report.donation.arguments == ("x",)
    assert (report.donation.donated, report.donation.reused) == (4096, 4096)
    shifted = text.replace("donate_argnums=0", "static_argnums=0, donate_argnums=1")
    shifted = shifted.replace("def f(x)", "def f(n, x)")
    behind = await _inspected(bench, shifted, "n = 2, x: f32[1024]")
    assert behind.donation is not None
    assert behind.donation.arguments != ("n",)
    refused = await _inspected(bench, text.replace("x + 1", "x.sum()"), "x: f32[1024]")
    assert refused.donation is not None
    assert (refused.donation.donated, refused.donation.reused) == (4096, 0)
    assert "donated" in (refused.donation.message or "")


async def test_collectives_name_their_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    monkeypatch.setenv("XLA_FLAGS", f"{flags} --xla_force_host_platform_device_count=4".strip())
    text = """
    import jax
    import jax.numpy as jnp

    def mean(x):
        return jax.lax.pmean(x, "i")

    f = jax.pmap(mean, axis_name="i")
    """
    report = await _inspected(bench, text, "x: f32[4, 256]")
    (found,) = report.collectives
    assert (found.operation, found.count, found.line) == ("all-reduce", 1, 6)
    assert found.bytes == 1024


async def test_the_device_is_measured_once_and_remembered(bench: Bench, tmp_path: Path) -> None:
    options = InspectionOptions(roofline=True)
    first = await _inspected(bench, LAYERS, "w: f32[64, 64], x: f32[32, 64]", options)
    assert first.machine is not None
    assert first.roofline is not None
    assert first.roofline.bound in ("compute", "memory")
    (kept,) = (tmp_path / "cache" / "jaxsight" / "peaks").iterdir()
    told = {**json.loads(kept.read_text()), "flops_per_second": 12345.0}
    kept.write_text(json.dumps(told))
    again = await _inspected(bench, LAYERS, "w: f32[64, 64], x: f32[32, 64]", options)
    assert again.machine is not None
    assert again.machine.flops_per_second == 12345.0
    kept.write_text("{")
    anew = await _inspected(bench, LAYERS, "w: f32[64, 64], x: f32[32, 64]", options)
    assert anew.machine is not None
    assert anew.machine.flops_per_second > 1e8


async def test_loops_say_what_is_not_known(bench: Bench) -> None:
    text = """
    import jax
    import jax.numpy as jnp

    def f(x):
        return jax.lax.while_loop(lambda y: jnp.sum(y) > 1.0, lambda y: y / 2, x)
    """
    report = await _inspected(bench, text, "x: f32[8]", InspectionOptions(roofline=True))
    assert [place.line for place in report.loops] == [6]
    assert report.roofline is None
    assert any("while" in note for note in report.notes)


async def test_what_fails_while_it_is_traced_is_a_failure_with_its_line(bench: Bench) -> None:
    text = """
    def f(x):
        if x.sum() > 0:
            return x
        return -x
    """
    seen = await bench(text, "x: f32[3]", other=_request())
    assert isinstance(seen.outcome, Failure)
    assert (seen.outcome.kind, seen.outcome.line) == ("exception", 3)


async def test_reports_survive_the_wire(bench: Bench) -> None:
    report = await _inspected(bench, LAYERS, "w: f32[4, 4], x: f32[2, 4]")
    assert from_json(InspectionReport, json.loads(json.dumps(to_json(report)))) == report

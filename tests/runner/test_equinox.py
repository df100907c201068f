"""Train steps of Equinox: modules with texts and functions in them, `filter_jit` with donation, a scan inside."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runner.conftest import Bench

from jaxsight_runner.protocol import (
    BenchmarkReport,
    InspectionOptions,
    InspectionReport,
    InspectionRequest,
    ShardingReport,
    ShardingRequest,
)

pytest.importorskip("equinox")

STEP = """
import equinox as eqx
import jax
import jax.numpy as jnp
import optax

class Net(eqx.Module):
    cell: eqx.nn.GRUCell
    act: object
    name: str

    def __call__(self, xs):
        def turn(carry, x):
            return self.cell(x, carry), None  # line 14
        return self.act(jax.lax.scan(turn, jnp.zeros(4), xs)[0])

tx = optax.adam(1e-3)
net = Net(eqx.nn.GRUCell(2, 4, key=jax.random.PRNGKey(0)), jax.nn.tanh, "recurrent")

@eqx.filter_jit(donate="all")
def f(net, opt_state, x, unused):
    def loss(net):
        return jnp.mean(jax.vmap(net)(x) ** 2)
    value, grads = eqx.filter_value_and_grad(loss)(net)
    updates, opt_state = tx.update(grads, opt_state, net)
    return value, eqx.apply_updates(net, updates), opt_state, "done"
"""
INPUTS = "net = net, opt_state = tx.init(eqx.filter(net, eqx.is_array)), x: f32[8, 5, 2], unused: f32[8, 2]"


async def test_a_step_is_inspected_by_its_own_names_and_lines(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    request = InspectionRequest("", "", "", options=InspectionOptions(roofline=False))
    report = (await bench(STEP, INPUTS, other=request)).outcome
    assert isinstance(report, InspectionReport), report
    assert report.lines[0].line == 14  # not that of the scan, nor of Equinox's wrapper
    assert report.donation is not None
    assert {"x", "unused", "net.cell.bias"} <= set(report.donation.arguments)
    assert report.memory is not None and report.memory.arguments > 0
    assert report.stages.trace > 0.1 * report.stages.lower  # both are one call of Equinox


async def test_donated_arguments_of_a_step_are_made_anew_for_each_call(bench: Bench) -> None:
    report = (await bench(STEP, INPUTS)).outcome
    assert isinstance(report, BenchmarkReport), report
    assert any("donated" in note for note in report.notes)


async def test_arguments_keep_their_names_beside_one_that_nothing_uses(bench: Bench) -> None:
    request = ShardingRequest("", "", "", mesh="data=2")
    report = (await bench(STEP, INPUTS, other=request)).outcome
    assert isinstance(report, ShardingReport), report
    shapes = {one.name: one.value for one in report.arguments}
    assert (shapes["x"], shapes["net.cell.bias_n"]) == ("f32[8,5,2]", "f32[4]")
    assert "unused" not in shapes
    names = [one.name for one in report.results]
    assert "result[1].cell.bias" in names and names[0] == "result[0]"

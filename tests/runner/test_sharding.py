"""Functions on eight simulated devices: who computes, holds and sends what, against numbers worked out by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from tests.runner.conftest import Bench

from jaxsight_runner.costs.line_costs import counted_operations
from jaxsight_runner.failures import Stop
from jaxsight_runner.inputs.meshes import choose_mesh, devices_wanted, partitions
from jaxsight_runner.inputs.parser import parse_spec
from jaxsight_runner.loading.target import Loaded
from jaxsight_runner.protocol import (
    Failure,
    ShardingOptions,
    ShardingReport,
    ShardingRequest,
    encode,
    from_json,
    to_json,
)
from jaxsight_runner.sharding.estimate import dtype_of_products
from jaxsight_server.commands import sharding as command
from jaxsight_server.runner_client import RunnerClient, runner_entry

LAYER = """
import jax
import jax.numpy as jnp

def f(w, x):
    return jax.grad(lambda w: jnp.tanh(x @ w).sum())(w)
"""


async def _sharded(
    bench: Bench, text: str, spec: str | None, mesh: str | None = "data=8", **options: object
) -> ShardingReport:
    request = ShardingRequest("", "", "", mesh=mesh, options=ShardingOptions(**options))  # pyright: ignore[reportArgumentType]
    seen = await bench(text, spec, other=replace(request))
    assert isinstance(seen.outcome, ShardingReport), seen.outcome
    return seen.outcome


async def test_data_parallel_work_is_split_and_gradients_are_summed_once(bench: Bench) -> None:
    report = await _sharded(bench, LAYER, 'w: f32[64, 32], x: f32[128, 64] @ P("data")')
    assert (report.devices, report.simulated) == (8, True)
    assert report.work.whole_from == "executable"
    assert report.work.replication == pytest.approx(1.0, abs=0.05)
    assert report.work.flops == pytest.approx(2 * (2 * 16 * 64 * 32), rel=0.05)
    assert not report.replicated
    (summed,) = report.collectives
    assert (summed.operation, summed.times, summed.group) == ("all-reduce", 1, 8)
    assert (summed.bytes, summed.axes, summed.line) == (64 * 32 * 4, ("data",), 6)
    assert summed.sent == 2 * 7 / 8 * 64 * 32 * 4
    w, x = report.arguments
    assert (w.name, w.bytes, w.bytes_per_device, w.copies) == ("w", 8192, 8192, 8)
    assert w.could == "dimension 0 by data=8"
    assert (x.sharding, x.bytes_per_device, x.copies) == ('P("data")', 128 * 64 * 4 // 8, 1)
    assert report.estimate is not None
    assert report.estimate.communication == summed.sent / report.estimate.link_bytes_per_second
    assert from_json(ShardingReport, json.loads(json.dumps(to_json(report)))) == report
    shown = "\n".join(command.text(report))
    assert "8 simulated devices · mesh data=8 (--mesh)" in shown
    assert "not measured" in shown


async def test_an_input_that_is_not_split_is_work_done_eight_times(bench: Bench) -> None:
    report = await _sharded(bench, LAYER, "w: f32[64, 32], x: f32[128, 64] @ P()")
    assert report.work.replication == pytest.approx(8.0)
    assert not report.collectives
    assert any("no argument is split over `data`" in note for note in report.notes)
    (line,) = report.replicated
    assert (line.line, line.times) == (6, 8.0)
    assert "together they do 8.00 times the work of one alone" in "\n".join(command.text(report))


async def test_rows_and_columns_of_parameters_meet_in_one_sum(bench: Bench) -> None:
    text = """
    import jax.numpy as jnp

    # jaxsight: mesh data=2, model=4
    # jaxsight: inputs x: f32[B=32, 64] @ P("data"), up: f32[64, 128] @ P(None, "model"),
    #   down: f32[128, 64] @ P("model")
    def f(x, up, down):
        hidden = jnp.maximum(x @ up, 0)
        return hidden @ down
    """
    report = await _sharded(bench, text, None, mesh=None)
    assert report.mesh is not None
    assert [(axis.name, axis.size) for axis in report.mesh.axes] == [("data", 2), ("model", 4)]
    assert report.mesh.source == "a comment"
    (summed,) = report.collectives
    assert (summed.operation, summed.axes, summed.group) == ("all-reduce", ("model",), 4)
    assert (summed.bytes, summed.line) == (16 * 64 * 4, 9)
    assert report.work.replication == pytest.approx(1.0, abs=0.05)
    assert {one.name: one.copies for one in report.arguments} == {"x": 4, "up": 2, "down": 2}


async def test_weights_in_a_loop_are_gathered_once_for_each_turn(bench: Bench) -> None:
    text = """
    import jax
    import jax.numpy as jnp

    def f(layers, x):
        def body(h, w):
            return jnp.tanh(h @ w), None
        return jax.lax.scan(body, x, layers)[0]
    """
    spec = 'layers: f32[3, 64, 64] @ P(None, "data"), x: f32[512, 64] @ P("data")'
    report = await _sharded(bench, text, spec)
    (gathered,) = report.collectives
    assert (gathered.operation, gathered.times, gathered.count) == ("all-gather", 3, 1)
    assert gathered.bytes == 3 * 64 * 64 * 4
    assert gathered.sent == 7 / 8 * gathered.bytes
    assert not gathered.open_ended
    assert report.work.flops == pytest.approx(3 * 2 * 64 * 64 * 64, rel=0.05)


async def test_what_is_written_for_each_device_is_counted_as_often_as_it_runs(bench: Bench) -> None:
    text = """
    import jax
    import numpy as np
    from jax.sharding import Mesh, PartitionSpec as P
    try:
        from jax import shard_map
    except ImportError:
        from jax.experimental.shard_map import shard_map

    mesh = Mesh(np.array(jax.devices()[:8]), ("ring",))

    def passed_on(x):
        def body(carry, _):
            return jax.lax.ppermute(carry, "ring", [(i, (i + 1) % 8) for i in range(8)]) + 1, None
        x = jax.lax.scan(body, x, None, length=5)[0]
        return x, jax.lax.psum(x, "ring")

    def f(x):
        return shard_map(passed_on, mesh=mesh, in_specs=P("ring"), out_specs=(P("ring"), P()))(x)
    """
    seen = await bench(text, "x: f32[1024]", other=ShardingRequest("", "", ""), import_file=True)
    report = seen.outcome
    assert isinstance(report, ShardingReport), report
    assert report.mesh is not None
    assert report.mesh.source == "`mesh` of the module"
    by_name = {one.operation: one for one in report.collectives}
    ring, summed = by_name["collective-permute"], by_name["all-reduce"]
    assert (ring.times, ring.bytes, ring.sent, ring.line) == (5, 5 * 512, 5 * 512, 14)
    assert (summed.times, summed.bytes, summed.line) == (1, 512, 16)
    assert ring.axes == summed.axes == ("ring",)
    assert report.work.whole_from == "jaxpr"
    assert report.work.replication == pytest.approx(1.0, abs=0.15)


async def test_state_that_comes_back_otherwise_and_padding_are_named(bench: Bench) -> None:
    text = """
    import jax
    from jax.sharding import PartitionSpec as P

    def f(state, x):
        x = jax.lax.with_sharding_constraint(x * 2, P("data"))
        new = jax.tree_util.tree_map(lambda leaf: leaf + x.sum(), state)
        return jax.lax.with_sharding_constraint(new, P())
    """
    spec = 'state: {a: f32[64, 8] @ P("data"), b: f32[8] @ P()}, x: f32[60, 8]'
    report = await _sharded(bench, text, spec)
    (moved,) = report.moved
    assert (moved.argument, moved.went, moved.came) == ("state['a']", 'P("data")', "P()")
    (uneven,) = report.uneven
    assert (uneven.line, uneven.value, uneven.dimension, uneven.parts) == (6, "f32[60,8]", 0, 8)
    assert uneven.idle == pytest.approx(4 / 64)
    assert any(one.operation == "all-gather" for one in report.collectives)


async def test_a_library_that_compiles_arrays_alone_is_given_arrays(bench: Bench) -> None:
    text = """
    import equinox as eqx
    import jax

    def make():
        return eqx.nn.MLP(16, 8, 32, 1, key=jax.random.key(0))

    @eqx.filter_jit
    def f(model, x):
        grads = eqx.filter_grad(lambda model: jax.vmap(model)(x).sum())(model)
        return eqx.apply_updates(model, grads)
    """
    report = await _sharded(bench, text, 'model = make(), x: f32[128, 16] @ P("data")')
    assert report.devices == 8
    assert report.work.replication == pytest.approx(1.0, abs=0.15)
    assert sum(one.bytes for one in report.collectives) == 4 * (
        16 * 32 + 32 + 32 * 8
    )  # the last bias's is constant
    weights = [one for one in report.results if "layers" in one.name]
    assert len(weights) == 4  # the model's functions are none


async def test_scaling_is_not_measured_on_devices_that_are_not_there(bench: Bench) -> None:
    request = ShardingRequest("", "", "", mesh="data=2", options=ShardingOptions(measure=True))
    spec = 'w: f32[64, 32], x: f32[B=128, 64] @ P("data")'
    seen = await bench(LAYER, spec, other=request)
    assert isinstance(seen.outcome, Failure)
    assert "these 2 devices are simulated" in seen.outcome.message
    # The way there all the same, which says nothing about devices.
    report = await _sharded(bench, LAYER, spec, "data=2", measure=True, on_simulated=True)
    strong, weak = report.scaling
    assert (strong.kind, weak.kind) == ("strong", "weak")
    for one in report.scaling:
        assert one.simulated
        assert [point.devices for point in one.points] == [1, 2]
        assert one.points[0].efficiency == 1.0
        assert all(point.low <= point.seconds <= point.high for point in one.points)
    assert "efficiency" not in "\n".join(command.text(report))


def _loaded(text: str, mesh: str | None = None) -> Loaded:
    module = ModuleType("target")
    exec(dedent(text), vars(module))
    request = ShardingRequest("/target.py", dedent(text), "f", mesh=mesh)
    return Loaded(request, module, module.f, None, 1, text.count("\n", 0, text.find("def f")) + 1)


@pytest.mark.parametrize(
    ("text", "spec", "mesh", "words"),
    [
        ("def f(x): ...", 'x: f32[4, 4] @ P("a", "b")', None, 'give --mesh "a=2, b=2"'),
        ("def f(x): ...", 'x: f32[4] @ P("a")', "a=64", "needs 64 devices, and there"),
        ("def f(x): ...", 'x: f32[4] @ P("a")', "a=", r"--mesh: expected a whole number"),
        ("# jaxsight: mesh a\ndef f(x): ...", "x: f32[4]", None, "the mesh comment above `f`"),
    ],
)
def test_a_mesh_that_cannot_be_is_one_sentence(
    text: str, spec: str, mesh: str | None, words: str
) -> None:
    with pytest.raises(Stop, match=words):
        choose_mesh(_loaded(text, mesh), parse_spec(spec))


def test_of_several_meshes_the_one_that_has_the_axes_is_taken() -> None:
    text = """
    import jax, numpy as np
    from jax.sharding import Mesh
    one = Mesh(np.array(jax.devices()[:1]), ("a",))
    two = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("b", "c"))
    three = Mesh(np.array(jax.devices()[:1]), ("c",))
    def f(x): ...
    """
    chosen = choose_mesh(_loaded(text), parse_spec('x: f32[4] @ P("a")'))
    assert chosen is not None
    assert (chosen.source, chosen.axes) == ("`one` of the module", {"a": 1})
    assert choose_mesh(_loaded(text), parse_spec("x: f32[4]")) is None
    with pytest.raises(Stop, match="several meshes \\(`two`, `three`\\)"):
        choose_mesh(_loaded(text), parse_spec('x: f32[4] @ P("c")'))


def test_a_mesh_of_a_line_that_was_left_out_is_not_silently_another() -> None:
    text = """
    import jax, numpy as np
    from jax.sharding import Mesh
    one = Mesh(np.array(jax.devices()[:1]), ("a",))
    def build():
        return Mesh(np.array(jax.devices()[:1]), ("a",))
    two = build()
    def f(x): ...
    """
    loaded = replace(_loaded(text), left_out=(7,))
    with pytest.raises(Stop, match=r'line 7 was left out.*may make a mesh.*--mesh "a=2"'):
        choose_mesh(loaded, parse_spec('x: f32[4] @ P("a")'))
    assert choose_mesh(replace(loaded, left_out=(2,)), parse_spec('x: f32[4] @ P("a")')) is not None


def test_an_array_that_does_not_fit_the_mesh_is_one_sentence() -> None:
    value = parse_spec('x: f32[5] @ P("a")')
    devices = choose_mesh(_loaded("def f(x): ...", "b=1"), value)
    assert devices is not None
    (partition,) = partitions(value)
    with pytest.raises(Stop, match=r"`x` is split over `a`, but the mesh \(--mesh\) is b=1"):
        devices.sharding(partition, (5,), "x")


STUCK = """
import sys, time
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, PartitionSpec as P
try:
    from jax import shard_map
except ImportError:
    from jax.experimental.shard_map import shard_map
jax.stages.Lowered.compile = lambda *_, **__: time.sleep(1000)
mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "model"))

def body(x, w):
    for _ in range(60):
        x = x + jax.lax.psum(jnp.sin(x), "data")
    return x @ w

def f(x, w, b):
    return shard_map(body, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data"))(x, w) + b
"""


async def test_what_was_known_before_the_time_was_over_is_kept(tmp_path: Path) -> None:
    spec = 'x: f32[64, 32] @ P("data"), w: f32[32, 32] @ P(), b: f32[32]'
    request = ShardingRequest(str(tmp_path / "a.py"), STUCK, "f", spec, root=str(tmp_path))
    words = [sys.executable, "-u", str(runner_entry()), "job", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(encode(request, "job"))
        process.stdin.flush()
        said = b""
        for line in process.stdout:
            said += line
            if b"compiling for" in line and b'"Progress"' in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
    told = tmp_path / "told"
    told.write_bytes(said)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat {told}\nexec sleep 1000\n")
    python.chmod(0o755)
    heard: list[str] = []
    outcome = await RunnerClient().run(
        request,
        interpreter=python,
        cwd=tmp_path,
        timeout=4,
        on_progress=lambda one: heard.append(one.message),
    )
    assert isinstance(outcome, ShardingReport), outcome
    assert (
        heard[-1]
        == "compiling for 8 simulated devices: 60 collectives, each of which takes the compiler its time"
    )
    assert outcome.unfinished == "stopped after 4 s, compiling for 8 simulated devices"
    assert [(one.name, one.sharding, one.bytes_per_device) for one in outcome.arguments] == [
        ("b", "as the compiler chooses", 32 * 4),
        ("w", "P()", 32 * 32 * 4),
        ("x", 'P("data")', 64 * 32 * 4 // 4),
    ]
    (summed,) = outcome.collectives
    assert (summed.operation, summed.times, summed.group, summed.line) == ("all-reduce", 60, 4, 14)
    assert summed.sent == 60 * 2 * 3 / 4 * 16 * 32 * 4
    assert outcome.work.flops is None and outcome.work.whole_flops
    shown = "\n".join(command.text(outcome))
    assert "in all, before fusion; on each device not known" in shown


def test_the_estimate_multiplies_in_the_type_that_the_program_names() -> None:
    jax: Any = import_module("jax")
    numpy = jax.numpy

    def f(x: Any, w: Any) -> Any:
        return (x.astype("bfloat16") @ w.astype("bfloat16")).astype("float32") @ numpy.ones((8, 1))

    jaxpr = jax.make_jaxpr(f)(numpy.ones((4, 64)), numpy.ones((64, 8)))
    assert dtype_of_products(counted_operations(jaxpr)) == "bf16"
    assert dtype_of_products(counted_operations(jax.make_jaxpr(numpy.sin)(1.0))) is None


def test_comments_say_how_many_devices_to_simulate() -> None:
    text = "# jaxsight: mesh a=4, b=2\n\ndef g(x): ...\n# jaxsight: mesh a=2\ndef f(x): ..."
    request = ShardingRequest("/target.py", text, "f")
    assert devices_wanted(request) == 8
    assert devices_wanted(replace(request, mesh="c=16")) == 16
    assert devices_wanted(replace(request, text="")) == 0

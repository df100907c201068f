"""What a benchmark reports, against durations and sizes that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.runner.conftest import QUICK, Bench, Seen

from jaxsight_runner.protocol import BenchmarkReport, Failure


def report(seen: Seen) -> BenchmarkReport:
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    return seen.outcome


async def test_a_function_that_takes_twenty_milliseconds_is_said_to(bench: Bench) -> None:
    """The callback sleeps, so that the truth does not depend on the machine's speed."""
    text = """
        import time
        import jax, numpy as np
        def wait(x):
            time.sleep(0.02)
            return np.asarray(x)
        def f(x):
            return jax.pure_callback(wait, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        """
    found = report(await bench(text, "x: f32[3]"))
    assert 0.02 <= found.latency.median < 0.04
    assert found.throughput is not None
    assert 0.02 <= found.throughput.median < 0.04
    assert found.dispatch_floor is not None and found.dispatch_floor.median < 0.005
    assert len(found.samples.latency) == found.latency.samples >= 6
    assert found.samples.latency_calls == 1
    assert found.latency.low <= found.latency.median <= found.latency.high


async def test_latency_waits_for_the_result(bench: Bench) -> None:
    """Seven billion operations cannot be done at 20 TFLOP/s; handing them over takes microseconds."""
    text = "import jax.numpy as jnp\ndef f(x):\n    return x @ x\n"
    found = report(await bench(text, "x: f32[1500, 1500]"))
    assert found.latency.median > 2 * 1500**3 / 20e12
    assert found.throughput is not None
    assert found.throughput.median > 2 * 1500**3 / 20e12


async def test_a_report_says_what_was_run_on_what_and_what_it_needs(bench: Bench) -> None:
    text = "import jax.numpy as jnp\ndef f(x, y):\n    return x @ y\n"
    found = report(await bench(text, "x: f32[64, 32], y: f32[32, 16]"))
    assert (found.target.qualname, found.target.line) == ("f", 2)
    assert found.target.how == "wrapped in jax.jit"
    assert len(found.target.hash) == 64
    assert found.memory is not None
    assert found.memory.arguments == 4 * (64 * 32 + 32 * 16)
    assert found.memory.outputs == 4 * 64 * 16
    assert found.cost.flops == pytest.approx(2 * 64 * 32 * 16, rel=0.05)
    assert min(found.stages.trace, found.stages.lower, found.stages.compile) > 0
    assert not found.stages.persistent_cache
    assert found.environment.platform and found.environment.jax
    assert found.verdict == ("unstable" if found.reasons else "ok")


ALL = replace(QUICK, extras=True)

MANY = """
import jax
import jax.numpy as jnp
def steps(x):
    for _ in range(100):
        x = jnp.sin(x) + 1
    return x
def f(x):
    return steps(x)
compiled = jax.jit(steps)
def heavy(x, w):
    y = x + 1
    z = w @ w @ w @ w @ w @ w
    return y.sum(), z
"""


@pytest.mark.parametrize("qualname", ["f", "compiled"])
async def test_two_hundred_operations_cost_more_without_jit(bench: Bench, qualname: str) -> None:
    found = report(await bench(MANY, "x: f32[3]", qualname, options=ALL))
    assert found.eager is not None
    assert found.eager.latency.median > found.latency.median
    stages, gain = found.stages, found.eager.latency.median - found.latency.median
    total = stages.trace + stages.lower + stages.compile
    assert found.eager.paid_after is not None
    assert found.eager.paid_after - 1 <= total / gain <= found.eager.paid_after


async def test_a_full_cache_spares_the_compiler(bench: Bench) -> None:
    found = report(await bench(MANY, "x: f32[3]", options=ALL))
    assert found.stages.warm_compile is not None
    assert 0 < found.stages.warm_compile < found.stages.compile


async def test_what_a_cache_cannot_keep_is_said(bench: Bench) -> None:
    text = """
        import jax, numpy as np
        def f(x):
            return jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        """
    found = report(await bench(text, "x: f32[3]", options=ALL))
    said = any("persistent cache does not keep" in note for note in found.notes)
    assert said == (found.stages.warm_compile is None)  # newer releases keep callbacks, too


async def test_time_goes_to_the_line_that_spends_it(bench: Bench) -> None:
    found = report(await bench(MANY, "x: f32[3], w: f32[400, 400]", "heavy", options=ALL))
    if found.device is None:  # this jax's profiler says nothing of operations
        assert any("no times by source line" in note for note in found.notes)
        return
    longest = found.device.lines[0]
    assert longest.text == "z = w @ w @ w @ w @ w @ w"
    assert longest.share > 0.5
    shares = sum(line.share for line in found.device.lines) + found.device.unmapped
    assert shares == pytest.approx(1)
    assert 0 < found.device.busy <= found.device.operations * 1.001
    assert found.achieved is not None
    flops = found.achieved.flops * found.latency.median
    assert flops == pytest.approx(5 * 2 * 400**3, rel=0.01)
    assert found.achieved.flops_share is not None and found.achieved.flops_share > 0


async def test_a_compiled_function_is_run_as_the_file_compiles_it(bench: Bench) -> None:
    text = """
        from functools import partial
        import jax
        @partial(jax.jit, static_argnames="n", donate_argnums=0)
        def f(state, *, n=2):
            assert isinstance(n, int)
            return {"w": state["w"] * n}
        """
    found = report(await bench(text, "state: {w: f32[1000]}, n = 3"))
    assert found.target.how == "compiled as the file says"
    assert found.throughput is None
    assert len(found.donated) == 1 and "w" in found.donated[0]
    assert any("donated" in note for note in found.notes)


async def test_python_values_stay_python_in_a_function_that_is_not_compiled(bench: Bench) -> None:
    text = """
        import jax.numpy as jnp
        from functools import partial
        def g(x, mode, n):
            assert mode == "sum" and isinstance(n, int)
            return sum(x for _ in range(n))
        f = partial(g, mode="sum")
        """
    report(await bench(text, "x: f32[3], n = 3"))


async def test_a_function_without_arrays_is_noted(bench: Bench) -> None:
    found = report(await bench("import jax.numpy as jnp\ndef f(n): return jnp.ones(n)", "n = 3"))
    assert any("beforehand" in note for note in found.notes)


NNX = """
import jax
from flax import nnx
class Model(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(3, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
    def __call__(self, x):
        return self.dropout(self.norm(self.linear(x)))
def f(model, x):
    return model(x).sum()
compiled = nnx.jit(f)
"""


@pytest.mark.parametrize("qualname", ["f", "Model.__call__", "compiled"])
async def test_an_nnx_module_is_an_argument(bench: Bench, qualname: str) -> None:
    pytest.importorskip("flax.nnx")
    seen = await bench(NNX, "model = Model(nnx.Rngs(0)), x: f32[5, 3]", qualname)
    found = report(seen)
    if found.memory is not None and qualname != "compiled":
        assert found.memory.arguments >= 4 * (3 * 3 + 3 + 5 * 3)  # no weight became a constant


async def test_a_linen_method_runs_with_initialised_variables(bench: Bench) -> None:
    pytest.importorskip("flax.linen")
    text = """
        import flax.linen as nn
        class Model(nn.Module):
            width: int
            @nn.compact
            def __call__(self, x):
                return nn.Dense(self.width)(x)
        """
    found = report(await bench(text, "self = Model(4), x: f32[5, 3]", "Model.__call__"))
    assert found.memory is not None
    assert found.memory.arguments == 4 * (3 * 4 + 4 + 5 * 3)
    assert any("initialised" in note for note in found.notes)


async def test_a_module_hidden_in_a_list_is_refused(bench: Bench) -> None:
    pytest.importorskip("flax.nnx")
    text = NNX + "def g(models, x): return models[0](x)\n"
    outcome = (await bench(text, "models = [Model(nnx.Rngs(0))], x: f32[5, 3]", "g")).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unsupported"


async def test_what_the_file_compiled_itself_is_compiled_again_under_the_clock(
    bench: Bench,
) -> None:
    text = """
        import jax, jax.numpy as jnp
        @jax.jit
        def f(x): return jnp.tanh(x @ x.T).sum()
        for n in range(2): f(jnp.ones((8, 8)))
        """
    seen = await bench(text, "x: f32[8, 8]", import_file=True)
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    assert seen.outcome.stages.compile > 1e-3

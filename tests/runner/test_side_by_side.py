"""A function beside another one: which is faster, whether they compute the same, on which inputs."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest
from tests.runner.conftest import Bench, Seen

from jaxsight_runner.protocol import BenchmarkOptions, BenchmarkReport, Comparison, Failure, Other
from jaxsight_runner.timing.measure import Side, in_turns
from jaxsight_runner.timing.statistics import median, pair_ratios

SLEEPS = dedent(
    """
    import time
    import jax, numpy as np
    def waiting(seconds):
        def wait(x):
            time.sleep(seconds)
            return np.asarray(x)
        return lambda x: jax.pure_callback(wait, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
    # jaxsight: inputs x: f32[3]
    def f(x):
        return waiting(SECONDS)(x)
    def slow(x):
        return waiting(0.03)(x)
    """
)
QUICK = SLEEPS.replace("SECONDS", "0.002")
SLOW = SLEEPS.replace("SECONDS", "0.02")


def comparison(seen: Seen) -> Comparison:
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    assert seen.outcome.comparison is not None
    return seen.outcome.comparison


def other(tmp_path: Path, text: str, qualname: str = "f", file: str = "target.py") -> Other:
    return Other(str(tmp_path / file), dedent(text), qualname, "the other")


async def test_the_function_that_sleeps_longer_is_slower(bench: Bench, tmp_path: Path) -> None:
    found = comparison(await bench(SLOW, beside=other(tmp_path, QUICK)))
    assert found.verdict == "slower"
    assert 1.03 < found.low <= found.ratio <= found.high
    assert found.other_latency.median < 0.02 <= found.latency.median
    assert found.results == "equal"
    assert len(found.samples) == len(found.other_samples) == found.pairs
    found = comparison(await bench(QUICK, beside=other(tmp_path, QUICK, "slow")))
    assert (found.verdict, found.other.qualname) == ("faster", "slow")


def test_a_call_that_now_and_then_takes_long_takes_as_long_on_either_side() -> None:
    """What warming up said of the two is far apart, as on a busy machine; they are the same."""

    def side(estimate: float) -> Side:
        number = count(1)

        def call() -> None:
            if next(number) % 50 == 0:
                time.sleep(2e-3)

        return Side(call, tuple, fresh=False, estimate=estimate)

    options = BenchmarkOptions(seconds=0.2)
    one, two = in_turns(side(1e-6), side(6e-4), options, lambda _one, _two: False)
    assert one.calls == two.calls > 1
    assert 0.4 < median(pair_ratios(one.seconds, two.seconds)) < 2.5


async def test_a_function_is_never_faster_than_itself(bench: Bench, tmp_path: Path) -> None:
    text = "import jax.numpy as jnp\ndef f(x):\n    return jnp.tanh(x @ x)\n"
    found = comparison(await bench(text, "x: f32[100, 100]", beside=other(tmp_path, text)))
    assert found.verdict in ("same", "unsure")
    assert found.results == "equal"


@pytest.mark.parametrize(
    ("body", "results", "words"),
    [
        ("(2.00001 * x, x.sum())", "close", "rounding"),
        ("(2 * x, x.sum() + 1)", "different", "result[1]"),
        ("(2 * x, x)", "different", "float32[] against float32[100]"),
        ("2 * x", "different", "2 against 1 arrays"),
    ],
)
async def test_different_results_are_said(
    bench: Bench, tmp_path: Path, body: str, results: str, words: str
) -> None:
    text = "def f(x):\n    return 2 * x, x.sum()\n"
    changed = other(tmp_path, f"def f(x):\n    return {body}\n")
    found = comparison(await bench(text, "x: f32[100]", beside=changed))
    assert found.results == results
    assert found.difference is not None
    assert results == "close" or words in found.difference


async def test_the_other_gets_the_same_inputs(bench: Bench, tmp_path: Path) -> None:
    """By name where its parameters have the names, by position where it says nothing of its own."""
    text = """
        # jaxsight: inputs x: f32[4, 3], n = 2
        def f(x, n):
            return n * x
        def renamed(a, b):
            return b * a
        # jaxsight: inputs z: f32[5]
        def own(z):
            return 2 * z
        """
    whole = dedent(text)
    found = comparison(await bench(text, beside=other(tmp_path, whole, "renamed")))
    assert found.results == "equal"
    assert [item.name for item in found.other_inputs] == ["a", "b"]
    found = comparison(await bench(text, beside=other(tmp_path, whole, "own")))
    assert [item.value for item in found.other_inputs] == ["f32[5]"]
    older = whole.replace("f32[4, 3]", "f32[7]")
    found = comparison(await bench(text, beside=other(tmp_path, older)))
    assert found.other_inputs[0].value == "f32[4,3]"
    assert found.results == "equal"


async def test_each_of_two_files_has_the_neighbours_that_lie_beside_it(
    bench: Bench, tmp_path: Path
) -> None:
    for folder, factor in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "factors.py").write_text(f"FACTOR = {factor}\n")
    text = "import factors\ndef f(x):\n    return factors.FACTOR * x\n"
    second = other(tmp_path, text.replace("factors.FACTOR", "factors.FACTOR / 2"), file="two/b.py")
    found = comparison(await bench(text, "x: f32[3]", name="one/a.py", beside=second))
    assert found.results == "equal"


async def test_donated_arguments_and_models_survive_the_turns(bench: Bench, tmp_path: Path) -> None:
    text = """
        from functools import partial
        import jax
        @partial(jax.jit, donate_argnums=0)
        def f(x):
            return x + 1
        def plain(x):
            return x + 1
        """
    found = comparison(await bench(text, "x: f32[3]", beside=other(tmp_path, text, "plain")))
    assert found.results == "equal"
    assert any("memory" in note for note in found.notes)


async def test_a_model_that_changes_with_each_call_is_compared_from_its_start(
    bench: Bench, tmp_path: Path
) -> None:
    pytest.importorskip("flax.nnx")
    text = """
        from flax import nnx
        @nnx.jit
        def f(model, x):
            return model(x).sum()
        """
    spec = "model = nnx.Dropout(0.5, rngs=nnx.Rngs(0)), x: f32[50]"
    assert comparison(await bench(text, spec, beside=other(tmp_path, text))).results == "equal"


async def test_what_is_wrong_with_the_other_names_it(bench: Bench, tmp_path: Path) -> None:
    text = "def f(x):\n    return x\n"
    for changed, kind in (("def f(x):\n    return x +\n", "syntax"), ("def g(x): ...", "target")):
        seen = await bench(text, "x: f32[3]", beside=other(tmp_path, changed))
        assert isinstance(seen.outcome, Failure) and seen.outcome.kind == kind
        assert seen.outcome.message.startswith("the other: ")
    changed = "def f(x):\n    return x.nothing\n"
    seen = await bench(text, "x: f32[3]", beside=other(tmp_path, changed))
    assert isinstance(seen.outcome, Failure) and seen.outcome.line == 2
    assert seen.outcome.message.startswith("the other: AttributeError")

"""Shapes of locals: against what programs really have when they run, with symbols, with two sizes, and up to an error."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.runner.conftest import Bench
from tests.runner.shape_programs import PROGRAMS

from jaxsight_runner.protocol import (
    Question,
    ShapesReport,
    ShapesRequest,
    from_json,
    to_json,
)
from jaxsight_runner.tracing.recording import Place, Recorder
from jaxsight_runner.tracing.two_sizes import merged_shapes, sizes_for

jax: Any = import_module("jax")


def _recorded(name: str, run: Any) -> dict[Place, list[str]]:
    function, shapes = PROGRAMS[name]
    recorder = Recorder()
    with recorder.watching():
        run(function, shapes)
    here = str(Path(__file__).with_name("shape_programs.py"))
    return {place: seen for place, seen in recorder.seen.items() if place.path == here}


def _evaluate(function: Any, shapes: Any) -> None:
    jax.clear_caches()
    jax.eval_shape(function, *(jax.ShapeDtypeStruct(shape, "float32") for shape in shapes))


def _execute(function: Any, shapes: Any) -> None:
    with jax.disable_jit():
        function(*(jax.numpy.ones(shape, "float32") for shape in shapes))


@pytest.mark.parametrize("name", PROGRAMS)
def test_shapes_are_what_programs_have_when_they_run(name: str) -> None:
    told, real = _recorded(name, _evaluate), _recorded(name, _execute)
    assert len(real) >= 4
    # a batch of one row is told per row, as the reader of the function thinks of it
    assert {place: told.get(place) for place in real} == real


def test_programs_are_many() -> None:
    assert len(PROGRAMS) >= 15


async def _shapes(bench: Bench, text: str, spec: str) -> ShapesReport:
    seen = await bench(text, spec, other=ShapesRequest("", "", ""))
    assert isinstance(seen.outcome, ShapesReport), seen.outcome
    assert from_json(ShapesReport, json.loads(json.dumps(to_json(seen.outcome)))) == seen.outcome
    return seen.outcome


def _told(report: ShapesReport, line: int) -> dict[str, str]:
    return {one.name: " | ".join(one.shapes) for one in report.locals if one.line == line}


async def test_dimensions_stay_symbols(bench: Bench) -> None:
    text = """
    import jax.numpy as jnp

    def helper(row):
        return row[..., None] * row[..., None, :]

    def f(x, w):
        h, total = x @ w, x.sum(0)
        outer = helper(h)
        return outer.mean(), total
    """
    report = await _shapes(bench, text, "x: f32[B, D], w: f32[D, 4]")
    assert (report.how, report.failure) == ("symbolic", None)
    assert _told(report, 8) == {"h": "f32[B,4]", "total": "f32[D]"}
    assert _told(report, 9) == {"outer": "f32[B,4,4]"}
    assert _told(report, 4) == {"row": "f32[B,4]"}
    assert _told(report, 10) == {"return": "(f32[], f32[D])"}


async def test_a_size_that_is_written_is_still_a_symbol(bench: Bench) -> None:
    report = await _shapes(bench, "def f(x):\n    return x + 1\n", "x: f32[B=64, 3]")
    assert _told(report, 2) == {"return": "f32[B,3]"}


async def test_where_symbols_are_refused_two_sizes_tell_the_dimensions(bench: Bench) -> None:
    text = """
    import jax.numpy as jnp

    def f(x):
        heads = x.reshape(x.shape[0], 4, -1)
        n = x.shape[0] // 2
        half = x[:n]
        joined = jnp.concatenate([half, x], 0)
        numbers = jnp.arange(len(x))
        return joined.reshape(-1), jnp.pad(numbers, (1, 0))
    """
    report = await _shapes(bench, text, "x: f32[T, D]")
    assert report.how == "two sizes"
    assert set(report.dimensions) == {"T", "D"}
    assert _told(report, 5) == {"heads": "f32[T,4,D//4]"}
    assert _told(report, 7) == {"half": "f32[T//2,D]"}
    assert _told(report, 8) == {"joined": "f32[3*T//2,D]"}
    assert _told(report, 9) == {"numbers": "i32[T]"}
    assert _told(report, 10)["return"].endswith("i32[T+1])")
    assert any("cannot be a symbol" in note for note in report.notes)


async def test_without_names_sizes_are_used(bench: Bench) -> None:
    report = await _shapes(bench, "def f(x):\n    return x[0]\n", "x: bf16[3, 2]")
    assert (report.how, _told(report, 2)) == ("concrete", {"return": "bf16[2]"})


async def test_an_error_keeps_what_came_before_it(bench: Bench) -> None:
    text = """
    import jax.numpy as jnp

    def f(x):
        y = x * 2
        z = y + jnp.ones(3)
        return z
    """
    report = await _shapes(bench, text, "x: f32[B, 4]")
    assert _told(report, 5) == {"y": "f32[B,4]"}
    assert _told(report, 6) == {}
    assert report.failure is not None
    assert report.failure.line == 6
    assert "broadcast" in report.failure.message.lower()


async def test_reverse_mode_over_a_while_loop_fails_without_compiling(bench: Bench) -> None:
    text = """
    import jax

    def power(x):
        return jax.lax.while_loop(lambda y: y < 10.0, lambda y: y * y, x)

    def f(x):
        return jax.grad(power)(x)
    """
    report = await _shapes(bench, text, "x: f32[]")
    assert report.failure is not None
    assert "Reverse-mode" in report.failure.message


async def test_several_shapes_at_one_line(bench: Bench) -> None:
    text = """
    def f(x):
        for n in (1, 2):
            y = x[:n]
        return y
    """
    report = await _shapes(bench, text, "x: f32[4]")
    assert _told(report, 4) == {"y": "f32[1] | f32[2]"}


async def test_modules_of_libraries(bench: Bench) -> None:
    text = """
    import jax
    from flax import linen as nn, nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.dense = nnx.Linear(4, 8, rngs=rngs)

        def __call__(self, x):
            h = self.dense(x)
            kernel = self.dense.kernel
            return nnx.relu(h)

    class Old(nn.Module):
        @nn.compact
        def __call__(self, x):
            h = nn.Dense(8)(x)
            return h.sum(-1)

    def new(net, x):
        return net(x)
    """
    seen = await bench(
        text, "net = Net(nnx.Rngs(0)), x: f32[B, 4]", "new", other=ShapesRequest("", "", "")
    )
    assert isinstance(seen.outcome, ShapesReport), seen.outcome
    assert _told(seen.outcome, 10) == {"h": "f32[B,8]"}
    assert re.fullmatch(r"Param .*f32\[4,8\]", _told(seen.outcome, 11)["kernel"])
    spec = "self = Old(), x: f32[B, 4]"
    seen = await bench(text, spec, "Old.__call__", other=ShapesRequest("", "", ""))
    assert isinstance(seen.outcome, ShapesReport), seen.outcome
    assert _told(seen.outcome, 17) == {"h": "f32[B,8]"}
    assert _told(seen.outcome, 18) == {"return": "f32[B]"}


async def test_what_is_missing_is_asked_for_and_sizes_are_not(bench: Bench) -> None:
    seen = await bench("def f(x, y):\n    return x\n", "x: f32[B]", other=ShapesRequest("", "", ""))
    assert isinstance(seen.outcome, Question)
    assert "`y`" in seen.outcome.message and "sizes" not in seen.outcome.message


def test_sizes_share_no_factor_but_eight() -> None:
    first, second = sizes_for(["A", "B", "C"], {"D": 48})
    taken = [*first.values(), *second.values()]
    assert first["D"] == second["D"] == 48
    assert len(set(taken)) == len(taken) - 1


def test_dimensions_that_follow_no_name_are_shown_as_they_were() -> None:
    place = Place("a.py", 1, "x", "f", "local")
    merged = merged_shapes({place: ["f32[24,7]"]}, {place: ["f32[40,9]"]}, {"B": 24}, {"B": 40})
    assert merged == {place: ["f32[B,7|9]"]}
    lost = merged_shapes({place: ["f32[24]"]}, {place: ["f32[24,1]"]}, {"B": 24}, {"B": 40})
    assert lost == {place: ["f32[24|24,1]"]}

"""Where arguments come from, what they are, and how the file they are for is imported."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest
from tests.runner.conftest import Bench, Seen

from jaxsight_runner.protocol import BenchmarkReport, Failure, Question

SHOW = """
import jax, jax.numpy as jnp
def show(name, x):
    print(name, getattr(x, "dtype", type(x).__name__), getattr(x, "shape", x))
"""


def report(seen: Seen) -> BenchmarkReport:
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    return seen.outcome


def failed(seen: Seen) -> str:
    assert isinstance(seen.outcome, Failure), seen.outcome
    assert seen.outcome.kind in ("inputs", "unsupported"), seen.outcome
    return seen.outcome.message


def asked(seen: Seen) -> Question:
    assert isinstance(seen.outcome, Question), seen.outcome
    return seen.outcome


async def test_every_kind_of_value_reaches_the_function(bench: Bench, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "a.npy", np.arange(5, dtype=np.int16))
    text = SHOW + dedent("""
        N = 4
        def f(x, y, key, old, params, saved, n, flag, /, *, z, w=7):
            for name, value in dict(x=x, y=y, key=key, old=old, w=params["w"], b=params["b"][0],
                                    saved=saved, n=n, flag=flag, z=z, left=w).items():
                show(name, value)
            assert n == 5 and flag is None
            return x.sum() + z.sum()
        """)
    spec = (
        "x: f32[B=2, 3], y: i32[B] in [5, 6], key: key, old: key(legacy), "
        'params: {w: bf16[B], b: (u8, bool[1])}, saved: file("a.npy"), n = N + 1, flag = None, z: c64[B]'
    )
    seen = await bench(text, spec)
    found = report(seen)
    for line in (
        "x float32 (2, 3)",
        "y int32 (2,)",
        "key key<fry> ()",
        "old uint32 (2,)",
        "w bfloat16 (2,)",
        "b uint8 ()",
        "saved int16 (5,)",
        "n int 5",
        "flag NoneType None",
        "z complex64 (2,)",
        "left int 7",
    ):
        assert line in seen.printed.splitlines()
    assert [item.value for item in found.inputs][:2] == ["f32[2,3]", "i32[2]"]
    assert {item.source for item in found.inputs} == {"request"}


async def test_values_are_the_same_every_time_and_integers_keep_to_their_range(
    bench: Bench,
) -> None:
    text = """
        import jax, jax.numpy as jnp
        jax.config.update("jax_platforms", "cpu")
        def f(x, i, j):
            jax.debug.print("{} {} {} {} {}", x, i.min(), i.max(), j.min(), j.max())
            return x
        """
    runs = [await bench(text, "x: f32[2], i: i32[500] in [3, 5], j: i32[500]") for _ in range(2)]
    lines = [sorted(set(run.printed.splitlines())) for run in runs]
    assert lines[0] == lines[1]
    assert lines[0][0].endswith("] 3 5 0 9")
    notes = {item.name: item.note for item in report(runs[0]).inputs}
    assert "0 to 9" in (notes["j"] or "") and notes["i"] is None


async def test_a_comment_above_the_function_gives_its_inputs(bench: Bench) -> None:
    text = """
        import jax
        # jaxsight: inputs x: f32[B=3],
        #     y: f32[B]
        @jax.jit
        def f(x, y):
            return x + y
        """
    found = report(await bench(text))
    assert [item.value for item in found.inputs] == ["f32[3]", "f32[3]"]
    assert found.inputs[0].source == "comment"
    assert report(await bench(text, "x: f32[4], y: f32[4]")).inputs[0].source == "request"


async def test_recorded_inputs_are_read_from_the_projects_file(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / ".jaxsight").mkdir()
    place = tmp_path / ".jaxsight" / "inputs.toml"
    place.write_text('["target.py::f"]\ninputs = "x: f32[9]"\n')
    found = report(await bench("def f(x): return x"))
    assert (found.inputs[0].value, found.inputs[0].source) == ("f32[9]", "file")
    place.write_text("[[broken")
    assert "inputs.toml" in failed(await bench("def f(x): return x"))


ANNOTATED = """
from __future__ import annotations
from jaxtyping import Array, Float, Int, PRNGKeyArray, Key
def f(x: Float[Array, "B 3"], y: Int[Array, " B"], key: Key[Array, ""], n: int = 2):
    return x.sum() + y.sum()
"""


async def test_annotations_give_dtypes_and_dimensions_but_not_their_sizes(bench: Bench) -> None:
    question = asked(await bench(ANNOTATED))
    assert question.kind == "inputs"
    assert question.suggestion == "x: f32[B=8,3], y: i32[B], key: key"
    assert "sizes for `B`" in question.message
    found = report(await bench(ANNOTATED, "x: f32[B=2, 3]"))
    assert [(item.value, item.source) for item in found.inputs] == [
        ("f32[2,3]", "request"),
        ("i32[2]", "annotation"),
        ("key", "annotation"),
    ]


async def test_what_nobody_said_is_asked(bench: Bench) -> None:
    question = asked(await bench("def f(x, params, rng, n=3): return x", "x: f32[128, 64]"))
    assert "`params`, `rng`" in question.message
    assert question.suggestion == "x: f32[128,64], params: f32[8], rng: key"
    method = asked(await bench("class M:\n    def f(self, x): return x", qualname="M.f"))
    assert method.suggestion == "self = M(...), x: f32[8]"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("x: f33[2]", "`f33` is no dtype"),
        ("x: f32[2], y: f32", "has no parameter `y`; its parameters: `x`"),
        ("x: f64[2]", "64-bit types are off"),
        ('x: file("none.npy")', "cannot read"),
        ("x = unknown_name", "unknown_name"),
        ("x: (f32[B=2], f32[B=3])", "two sizes, 2 and 3"),
        ("x: captured", "has no spec of it"),
        ("x = Hidden()", "register it"),
    ],
)
async def test_a_wrong_input_is_named(bench: Bench, spec: str, words: str) -> None:
    text = """
        import jax.numpy as jnp
        class Hidden:
            def __init__(self): self.w = jnp.ones(3)
        def f(x): return 1.0
        """
    assert words in failed(await bench(text, spec))


async def test_the_buffer_is_imported_under_the_files_own_name(
    bench: Bench, tmp_path: Path
) -> None:
    """Relative imports, dataclasses and pickling work; the text on disk is not what is run."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("from pkg.target import VALUE")
    (package / "other.py").write_text("from pkg import target\nSEEN = target.__name__")
    (package / "target.py").write_text("VALUE = 1\nraise RuntimeError('the text on disk')")
    text = """
        from __future__ import annotations
        import pickle, sys
        from dataclasses import dataclass
        VALUE = 2
        from . import other
        import pkg
        @dataclass
        class Point:
            x: int
        def f(x):
            assert pickle.loads(pickle.dumps(Point(3))) == Point(3)
            print(__name__, __file__, other.SEEN, pkg.VALUE, sys.modules[__name__].f is f, sys.argv)
            return x
        """
    seen = await bench(text, "x: f32", name="pkg/target.py")
    report(seen)
    path = tmp_path / "pkg" / "target.py"
    assert f"pkg.target {path} pkg.target 2 True ['{path}']" in seen.printed


async def test_a_script_finds_its_neighbours_and_the_projects_src(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    for place in ("scripts/near.py", "src/inside/__init__.py", "top.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    text = """
        import near, inside, top
        if __name__ == "__main__":
            raise SystemExit("ran")
        def f(x): return x
        """
    report(await bench(text, "x: f32", name="scripts/01-train.py"))


async def test_nothing_of_ours_shadows_what_the_user_imports(bench: Bench) -> None:
    """The runner has a `statistics.py`; the user means the standard library's."""
    text = """
        import statistics, sys
        assert statistics.fmean([1, 2]) == 1.5
        assert not any("jaxsight_runner" in folder for folder in sys.path)
        def f(x): return x
        """
    report(await bench(text, "x: f32", import_file=True))


async def test_a_failing_neighbour_is_named_with_its_line(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("\n\nimport not_there\n")
    outcome = (await bench("import near\ndef f(x): return near.g(x)", "x: f32")).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "missing-module"
    assert sys.executable in outcome.message and "not_there" in outcome.message

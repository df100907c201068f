"""What an edit has looked at again: all that it may change, in other places of the file, too, and little else."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.engine import Analysis
from tests.analyzers.test_incremental import analysed, assert_as_fresh

CLASS = """import jax
import numpy as np


class Base:
    def __init__(self):
        self.step = jax.jit(self.{made})


class Trainer(Base):
    def first(self, x):
        return np.sin(x)

    def second(self, x):
        return x

    def train(self, x):
        return self.step(x)
"""


def test_what_a_method_gives_to_the_object_counts_for_those_who_read_it() -> None:
    before, after = CLASS.format(made="first"), CLASS.format(made="second")
    analysis = analysed(after, analysed(before))
    assert_as_fresh(analysis, after)
    assert_as_fresh(analysed(before, analysis), before)


KERNEL = """import jax


def make(scale):
    def start(x):
        return x * scale

    return start


class Kernel:
    def prepare(self, x):
        if self.start is None:
            self.start = make({scale})
        return self.start(x)

    def run(self, x):
        return self.again(self.prepare(x))

    def again(self, x):
        if x > {bound}:
            return self.run(x)
        return self.other(x)

    def other(self, x):
        return {other}


@jax.jit
def run(x):
    return Kernel().run(x)
"""


def test_what_follows_from_itself_runs_again_only_if_something_else_is_another() -> None:
    big = KERNEL.replace("class Kernel:\n", "class Kernel:\n" + "    # one of many lines\n" * 80)
    texts = [
        big.format(scale=scale, bound=bound, other=other)
        for scale, bound, other in (
            ("2.0", "1", "x"),
            ("2.0", "1", "(x)"),
            ("2.0", "x", "(x)"),
            ("jax.numpy.ones(2)", "x", "(x)"),
        )
    ]
    analysis = analysed(texts[0])
    runs = [_runs_again(analysis := analysed(text, analysis)) for text in texts[1:]]
    assert runs[0] == {"<run of Kernel.other>"}
    assert {"<run of Kernel.again>"} <= runs[1] and "<run of Kernel.prepare>" not in runs[1]
    assert "<run of Kernel.prepare>" in runs[2]
    assert_as_fresh(analysis, texts[-1])


def test_what_a_function_imports_counts_for_what_is_reported_elsewhere() -> None:
    text = (
        "import jax\n\n\ndef draw(x):\n    return jax.interpreters.xla.DeviceArray(x)\n\n\n"
        "def other(x):\n{}    return x\n"
    )
    without = text.format("")
    imported = text.format("    from jax.interpreters.xla import DeviceArray\n")
    analysis = analysed(without)
    lines = [found.span.start for found in analysis.diagnostics]
    analysis = analysed(imported, analysis)
    assert_as_fresh(analysis, imported)
    assert lines and lines != [found.span.start for found in analysis.diagnostics]
    assert_as_fresh(analysed(without, analysis), without)


APART = """import jax
import jax.numpy as jnp


def loss(w, x):
    return jnp.sum(w * x)


def other(w, x):
    return jnp.sum(w * x)


slope = jax.grad({given})


def train(w, x):
    return w - slope(w, x){more}


def report(w, x):
    return {last}
"""


def test_a_derivative_is_told_where_it_is_taken_wherever_it_is_used() -> None:
    plain = {"given": "loss", "more": "", "last": "w"}
    scalar, pair = "jnp.sum(w * x)\n\n\ndef other", "(jnp.sum(w * x), x)\n\n\ndef other"

    def written(**changes: str) -> str:
        return APART.format(**plain | changes)

    texts = [
        written(),
        written().replace(scalar, pair),
        written(more=" * 2").replace(scalar, pair),
        written(more=" * 2", given="other").replace(scalar, pair),
        written(more=" * 2").replace(scalar, pair),
        written().replace("w - slope(w, x)", "w").replace(scalar, pair),
        written(last="slope(w, x)").replace("w - slope(w, x)", "w").replace(scalar, pair),
        written(last="slope(w, x)").replace(scalar, pair),
        written(last="slope(w, x)"),
    ]
    told: list[int] = []
    analysis = None
    for text in texts:
        analysis = analysed(text, analysis)
        assert_as_fresh(analysis, text)
        told.append(len(analysis.diagnostics))
    assert told == [0, 1, 1, 0, 1, 1, 1, 1, 0]


def test_what_a_line_elsewhere_says_counts_as_soon_as_it_is_there() -> None:
    text = (
        "import jax\nimport jax.numpy as jnp\n\n\ndef setup():\n    {}\n\n\n"
        "def make(n):\n    return jnp.zeros(n, dtype=jnp.float64)\n"
    )
    enabled = text.format("jax.config.update('jax_enable_x64', True)")
    texts = [text.format("pass"), enabled, enabled + "\n", text.format("pass"), enabled]
    told: list[list[str]] = []
    analysis = None
    for one in texts:
        analysis = analysed(one, analysis)
        assert_as_fresh(analysis, one)
        told.append([found.rule for found in analysis.diagnostics])
    assert told == [["float64-silently-truncated"], [], [], ["float64-silently-truncated"], []]


def test_only_what_speaks_of_a_name_is_searched_for_changes_of_it() -> None:
    text = (
        "import jax\n\nscale = 1.0\n\n\n@jax.jit\ndef step(x):\n    return x * scale\n\n\n"
        "def other(x):\n    return x\n\n\ndef bump():\n    global scale\n    scale = 2.0\n"
    )
    analysis = analysed(text)
    state = analysis.state
    assert state is not None
    searched = [piece.changes is not None for piece in state.interpretation.module.pieces]
    assert searched == [False, True, True, False, True]
    after = text.replace("return x\n", "global scale\n    scale = x\n")
    assert_as_fresh(analysed(after, analysis), after)


def test_the_way_to_a_finding_is_the_one_there_is_now() -> None:
    start = "import jax\n\n\ndef helper(x):\n    print(x)\n    return x\n\n\n"
    first = "@jax.jit\ndef first(x):\n    return helper(x)\n"
    one = start + first
    two = one + "\n\n" + first.replace("first", "last")
    analysis = analysed(two, analysed(one))
    assert_as_fresh(analysis, two)
    assert "last" in analysis.diagnostics[0].related[0].message
    assert_as_fresh(analysed(one, analysis), one)


SAMPLER = """import jax


class Sampler:
    def run(self, x, *args, **kwargs):
        self.given = args
        self.options = kwargs
        self.last = {kept}
        return self.chain(x)

    def chain(self, x):
        return jax.jit(self.step)(x{other})

    def step(self, x):
        return x + len(self.given) + len(self.options) + self.last(x)


@jax.jit
def run(x):
    return Sampler().run(x)
"""


@pytest.mark.parametrize(("kept", "runs"), [("[]", False), ("jax.numpy.sin", True)])
def test_what_is_no_function_is_not_looked_for_in_the_methods_that_set_it(
    kept: str, runs: bool
) -> None:
    big = SAMPLER.replace("class Sampler:\n", "class Sampler:\n" + "    # one of many lines\n" * 80)
    before, after = (big.format(kept=kept, other=other) for other in ("", ".T"))
    analysis = analysed(after, analysed(before))
    assert ("<run of Sampler.step>" in _runs_again(analysis)) == runs
    assert_as_fresh(analysis, after)
    other = big.format(kept="jax.jit(self.chain)", other=".T")
    assert_as_fresh(analysed(other, analysis), other)


def _runs_again(analysis: Analysis) -> set[str]:
    """What was run of the file after the edit that led to this."""
    state = analysis.state
    assert state is not None
    return {repr(task) for task in state.interpretation.run.redone if task.stands_alone}


METHODS = """\
import jax


class Model:
    def one(self, x):
        body = lambda y: jax.numpy.sin(y)
        return body(x) + 1

    def two(self, x):
        def inner(y):
            return jax.numpy.cos(y)

        return inner(x) * 2
"""


@pytest.mark.parametrize(("place", "runs"), [("+ 1", "Model.one"), ("* 2", "Model.two")])
def test_an_edit_of_a_method_leaves_those_beside_it(place: str, runs: str) -> None:
    after = METHODS.replace(place, "- 3")
    analysis = analysed(after, analysed(METHODS))
    assert _runs_again(analysis) == {f"<run of {runs}>"}
    assert_as_fresh(analysis, after)
    moved = after.replace("return body", "x = -x\n        return body")
    analysis = analysed(moved, analysis)
    assert_as_fresh(analysis, moved)
    assert_as_fresh(analysed(METHODS, analysis), METHODS)


BIG = """import jax


{before}class {name}:
    step = 1
{lines}
    @jax.jit
    def run(self, x):
        print(x)
        return x
"""


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("Other", ""),
        ("Model", "class Model:\n    pass\n\n\n"),
        ("Model", "class Model:\n  else:\n"),
    ],
)
def test_a_big_class_keeps_its_members(name: str, before: str) -> None:
    """Be it renamed, or does another one of its name stand before it."""
    lines = "    # one of many lines\n" * 80
    first, then = (
        BIG.format(name=name, before=before, lines=lines)
        for name, before in (("Model", ""), (name, before))
    )
    analysis = analysed(then, analysed(first))
    assert_as_fresh(analysis, then)
    assert [found.rule for found in analysis.diagnostics]
    assert_as_fresh(analysed(first, analysis), first)


KEEPER = """import jax

LOG = []


def keep(log, x):
    log.append(x)
{after}

@jax.jit
def step(x):
    keep(LOG, x)
    return x
"""


def test_what_comes_back_from_a_call_is_told_of_the_text_as_it_is() -> None:
    """There is a fix for it, although who calls did not run again and holds a node of the text before."""
    first, then = KEEPER.format(after=""), KEEPER.format(after="    print\n")
    analysis = analysed(then, analysed(first))
    assert "<run of step>" not in _runs_again(analysis)
    assert_as_fresh(analysis, then)
    assert all(found.finding.fixes for found in analysis.diagnostics)


TRAINED = """\
{imported}

@jax.jit
def step(x):
    return x * 2


def train(batches):
    losses = [{first}]
    for batch in batches:
        loss = step(batch)
        losses.append(float(loss))
    return losses
"""


def test_what_is_edited_while_no_library_is_imported_is_looked_at_again() -> None:
    """Nothing runs in a file that imports none; the next text that does must not take the old answers."""
    analysis: Analysis | None = None
    for imported, first in (
        ("import jax", ""),
        ("y jax", ""),
        ("y jax", "0.0"),
        ("import jax", "0.0"),
    ):
        text = TRAINED.format(imported=imported, first=first)
        analysis = analysed(text, analysis)
        assert_as_fresh(analysis, text)
    assert analysis is not None
    assert [len(found.finding.fixes) for found in analysis.diagnostics] == [1]


REGISTERED = """\
import dataclasses
import jax


@dataclasses.dataclass
class Grid:
    data: jax.Array
    shape: tuple


@jax.jit
def step(grid: Grid):
    return grid.data if grid.shape > (1,) else -grid.data


jax.tree_util.register_dataclass(Grid, {leaves}, {rest})
"""


def test_who_uses_a_class_depends_on_the_call_that_registers_it() -> None:
    analysis: Analysis | None = None
    found: list[int] = []
    for leaves, rest in (
        (["data"], ["shape"]),
        (["data", "shape"], []),
        (["data"], ["shape"]),
        (["shape"], ["data"]),
    ):
        text = REGISTERED.format(leaves=leaves, rest=rest)
        analysis = analysed(text, analysis)
        assert_as_fresh(analysis, text)
        found.append(len(analysis.diagnostics))
    assert found == [0, 1, 0, 1]

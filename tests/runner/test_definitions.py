"""Which lines of a file keep it from being imported without asking."""

from __future__ import annotations

import ast
import re
from textwrap import dedent

import pytest

from jaxsight_runner.loading.definitions import qualified_names, running_lines
from jaxsight_runner.slicing import library_table

QUIET = """
    from __future__ import annotations
    import argparse, logging, os, sys
    from functools import partial
    from pathlib import Path
    import jax, jax.numpy as jnp, numpy as np, optax
    from flax import nnx
    from mine import Transformer, helper

    logging.basicConfig(level=logging.INFO)
    jax.config.update("jax_enable_x64", True)
    os.environ["XLA_FLAGS"] = "x"
    os.environ.setdefault("A", "1")
    sys.path.append(str(Path(__file__).parent.resolve()))
    np.random.seed(0)
    KEY = jax.random.key(0)
    W = jnp.ones((3, 3)).at[0].set(1.0) * 2
    TABLE = [float(i) for i in range(3)]
    square = lambda x: helper(x)

    class Model(nnx.Module):
        size = 3
        def __init__(self): self.w = train()

    @jax.custom_vjp
    def f(x): return x
    f.defvjp(lambda x: (x, None), lambda r, g: (g,))
    step = partial(jax.jit, static_argnums=0)(f)
    grad = jax.jit(jax.grad(f))
    model = Model()
    big = Transformer(depth=3)
    def make_step(model, rate=0.1):
        scale = optax.sgd(rate)
        def step(x): return train(model, x)
        return jax.jit(step)
    def get_config():
        config = dict(rate=0.1)
        config["depth"] = 3
        return config
    config = get_config()
    step_of = make_step(model, config["rate"])
    opt = optax.adam(1e-3)
    if os.environ.get("DEBUG"):
        jax.config.update("jax_debug_nans", True)
    try:
        import fast
    except ImportError:
        fast = None
    jax.tree_util.register_dataclass(Model, [], [])
    if __name__ == "__main__":
        for i in range(10): train()
"""


def lines_of(text: str) -> list[int]:
    text = dedent(text)
    return [line.line for line in running_lines(text, ast.parse(text))]


def test_definitions_and_set_up_are_not_asked_about() -> None:
    assert lines_of(QUIET) == []


@pytest.mark.parametrize(
    "line",
    [
        "for i in range(3): table[i] = i",
        "while True: pass",
        "with open('x') as file: data = file.read()",
        "def train():\n    while True: pass\ntrain()",
        "def train(xs):\n    return xs.sum()\nresult = train(1)",
        "def inner():\n    open('x')\ndef train(): return inner()\nresults = [train() for _ in range(3)]",
        "def train(step): return step(1)\ntrain(abs)",
        "def train():\n    def step(): ...\n    step()\ntrain()",
        "def train(): return train()\ntrain()",
        "import jax\ndef train(jax): return jax.numpy.ones(3)\ntrain(3)",
        "@jit\ndef train(): ...\ntrain()",
        "from mine import load\ndata = load('x')",
        "import argparse\nargs = argparse.ArgumentParser().parse_args(); state.restore()",
        "parser.parse_args()",
        "import jax\njax.jit(f)(1.0)",
        "import jax\njax.vmap(f)(xs)",
        "import jax\nys = jax.lax.scan(f, 0, xs)",
        "import jax\njax.distributed.initialize()",
        "import numpy as np\ndata = np.load('x.npy')",
        "import numpy as np\nnp.savez_compressed('x.npz', 1)",
        "import os\nos.execv('x', [])",
        "from pathlib import Path\ntext = Path('x').read_text()",
        "import subprocess\nsubprocess.run(['ls'])",
        "open('x')",
        "input()",
        "class A:\n    x = run()",
        "def f(x=run()): ...",
        "if FLAG:\n    run()",
        "try:\n    run()\nexcept ValueError: pass",
        "if __name__ == '__main__': pass\nelse: run()",
        "if run():\n    X = 1",
        "if FLAG: pass\nelse: run()",
        "try: pass\nfinally: run()",
        "try: pass\nexcept ValueError: pass\nelse: run()",
        "try: pass\nexcept ValueError: run()",
        "def f(*, x=run()): ...",
        "async def train(): return 1\ntrain()",
    ],
)
def test_what_does_more_is_asked_about(line: str) -> None:
    assert len(lines_of(line)) == 1


def test_functions_and_methods_are_found_by_their_dotted_names() -> None:
    text = (
        "class A:\n  class B:\n    def g(self): ...\n\ndef f():\n  def inner(): ...\nh = jit(f)\n"
    )
    found = qualified_names(ast.parse(text))
    assert found == {"A.B.g": 3, "f": 5, "f.<locals>.inner": 6, "h": 7}


def test_what_is_known_of_libraries_is_one_table() -> None:
    names = [row.split(":")[0] for row in library_table.ROWS.strip().splitlines()]
    assert names == sorted(set(names), key=lambda name: name.split("."))
    explained = re.findall(r"^ *([a-z]+) {2,}", library_table.__doc__ or "", re.MULTILINE)
    assert sorted(library_table.COLUMNS) == sorted(explained)
    assert library_table.known("jax.numpy.linalg.norm", "fresh")
    assert not library_table.known("jax.numpyro", "fresh")

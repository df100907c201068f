"""The index of a workspace of 1,000 files: ready with its cache, as a part of the time without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.table import Options, Row
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.project import cache
from jaxsight_analyzers.project.disk import workspace_of
from jaxsight_analyzers.project.index import Index, Settings
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

GOAL = 1 / 10
FILES = 1_000
_A_PACKAGE = 25  # files of each package

_TEXT = '''\
"""Layer {number} of a made-up project."""

import jax
import jax.numpy as jnp

from {neighbour} import helper_{other}, Model{other}


def helper_{number}(x, scale=2.0):
    total = jnp.sum(x) * scale
    return helper_{other}(total) if x.ndim > 3 else total


class Model{number}:
    def __init__(self, size):
        self.size = size

    def apply(self, params, x):
        for layer in params["layers"]:
            x = jax.nn.relu(x @ layer["w"] + layer["b"])
        return helper_{number}(x)

    def loss(self, params, batch):
        predicted = self.apply(params, batch["x"])
        return jnp.mean((predicted - batch["y"]) ** 2)


@jax.jit
def step_{number}(params, batch):
    loss, gradients = jax.value_and_grad(Model{number}(3).loss)(params, batch)
    return loss, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)


def train_{number}(key, params, steps):
    for _ in range(steps):
        key, subkey = jax.random.split(key)
        batch = {{"x": jax.random.normal(subkey, (8, 3)), "y": jnp.zeros(8)}}
        loss, params = step_{number}(params, batch)
    return params
'''


def measure(options: Options) -> Iterator[Row]:
    """The processor's seconds of both, and the time on the clock, with all rules on."""
    count = options.count(FILES)
    config = Config(select=tuple(rule.name for rule in all_rules()))
    analyse(SourceFile("first.py", "import jax\n"), config)  # reads the knowledge
    with TemporaryDirectory() as name:
        root = Path(name)
        paths = [_write(root, number, count) for number in range(count)]
        place = root / "cache" / "index.json"
        cold, first = _timed(root, paths, place, config)
        warm, second = min((_timed(root, paths, place, config) for _ in range(3)), key=_seconds)
        if second.analysed or first.entries != second.entries:
            raise AssertionError("the cache was not used, or changed what is known")
        size = place.stat().st_size
    yield Row(
        f"index of {count:,} files with its cache",
        "<= 1/10 of the time without",
        f"1/{cold / warm:.0f} ({warm:.2f} against {cold:.1f} s of CPU, {size / 1e6:.1f} MB)",
        warm <= GOAL * cold,
    )


def _write(root: Path, number: int, count: int) -> str:
    other = number // 4 if number else count - 1  # a tree of imports, closed to a cycle
    file = root / f"package_{number // _A_PACKAGE}" / f"module_{number}.py"
    file.parent.mkdir(exist_ok=True)
    neighbour = f"package_{other // _A_PACKAGE}.module_{other}"
    file.write_text(_TEXT.format(number=number, other=other, neighbour=neighbour))
    return file.as_posix()


def _timed(root: Path, paths: list[str], place: Path, config: Config) -> tuple[float, Index]:
    settings = Settings(config, {})
    start = time.process_time()
    workspace = workspace_of(root, root, absolute=True)
    index = cache.indexed(workspace, paths, lambda _: settings, place)
    return time.process_time() - start, index


def _seconds(timed: tuple[float, Index]) -> float:
    return timed[0]

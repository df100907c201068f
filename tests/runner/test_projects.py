"""A script that uses other files of its project is run without its other lines where that is exact, or is refused."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from jaxsight_runner.loading.definitions import running_statements
from jaxsight_runner.slicing import libraries
from jaxsight_runner.slicing.plan import Obstacle, Slice, plan
from jaxsight_runner.slicing.projects import Project

FILES = {
    "plain.py": """
        import jax.numpy as jnp
        from numpy import exp
        RATE = 0.5
        class Model:
            def __init__(self, scale): self.scale = scale
            def __call__(self, x): return x * self.scale
        def double(x): return x * 2
        def fill(rows):
            for index in range(len(rows)): rows[index] = 5.0
        def draws(count):
            for _ in range(count): yield double(count)
    """,
    "stateful.py": """
        SCALE = {"by": 1.0}
        LIMIT = 9.0
        class Counter:
            seen = []
            def add(self, x): self.seen.append(x)
        def grow():
            for _ in range(2): SCALE["by"] += 1.0
        def scaled(x): return x * SCALE["by"]
        def limited(x): return min(x, LIMIT)
        def settings(): return SCALE
        class Probe:
            def __call__(self, x): return x * SCALE["by"]
        def tick():
            tick.count += 1
            return tick.count
        tick.count = 0
        def remember(x, seen=[]):
            seen.append(x)
            return len(seen)
    """,
    "setting.py": """
        import os
        import numpy as np
        from numpy import random
        def switch():
            os.environ["JAXSIGHT_PROJECT"] = "3"
        class Switch:
            def on(self):
                while os.environ.get("JAXSIGHT_PROJECT") != "3": switch()
        dice = random.rand
        def draw(): return random.rand()
        def late():
            import late_settings
            return late_settings.ONE
        def patch(thing): thing.scale = 3.0
    """,
    "late_settings.py": "import os\nos.environ['JAXSIGHT_PROJECT'] = '3'\nONE = 1\n",
    "package/__init__.py": "from .inner import *\nfrom .inner import double as same\nfrom .sample import sample\nfrom .inner import scaled as twin\n",
    "package/inner.py": "from stateful import grow, scaled\ndef double(x): return x * 2\n",
    "package/twin.py": "def other(x): return x\n",
    "package/sample.py": "def sample(x): return x + 1\n",
    "hiding.py": "def f(x): return globals()['SCALE'] * x\nSCALE = 1.0\n",
    "broken.py": "def f(x: return x\n",
    "script.py": "",
    "circular.py": "import script\ndef f(x): return script.g(x)\n",
}
LOOP = "for _ in range(2): "
# The file's first lines, what it runs, and what its function returns.
EXACT = [
    ("import plain", LOOP + "plain.double(1.0)", "plain.double(x)"),
    ("from plain import Model\nmodel = Model(3.0)", LOOP + "model(2.0)", "Model(2.0)(x)"),
    ("import plain", "for y in plain.draws(2): print(plain.RATE)", "x * plain.RATE"),
    ("import stateful", LOOP + "stateful.grow()", "stateful.limited(x)"),
    ("import package", LOOP + "package.double(2)", "package.same(x)"),
    ("from package.sample import sample", LOOP + "sample(2)", "sample(x)"),
    ("import setting, plain", LOOP + "setting.draw()", "plain.double(x)"),
    ("from stateful import scaled", "for y in [scaled(1.0)]: pass", "x"),
]
REFUSED = [
    ("import stateful\np = stateful.Probe()", LOOP + "stateful.grow()", "p(x)", "values that stateful.py keeps"),
    ("import package, stateful", LOOP + "stateful.grow()", "package.twin(x)", "values that stateful.py keeps"),
    ("import setting, numpy", LOOP + "setting.dice()", "numpy.random.rand()", "NumPy's random state"),
    ("import stateful", LOOP + "stateful.tick()", "stateful.tick()", "values that stateful.py keeps"),
    ("import stateful", LOOP + "stateful.grow()", "stateful.scaled(x)", "values that stateful.py keeps"),
    ("import stateful\ncfg = stateful.SCALE", LOOP + "cfg.update(by=4.0)", "stateful.scaled(x)", "stateful.py"),
    ("import stateful", LOOP + "stateful.settings().update(by=4.0)", "stateful.scaled(x)", "stateful.py"),
    ("from stateful import Counter\nc = Counter()", LOOP + "c.add(1)", "x * len(Counter.seen)", "stateful.py"),
    ("import stateful", LOOP + "stateful.remember(1)", "stateful.remember(x)", "stateful.py"),
    ("import package, stateful", LOOP + "package.grow()", "stateful.scaled(x)", "stateful.py"),
    ("import package", LOOP + "package.grow()", "package.scaled(x)", "stateful.py"),
    ("import plain\nrows = [1.0]", LOOP + "plain.fill(rows)", "x * rows[0]", "rows"),
    ("import setting, os", LOOP + "setting.switch()", "os.environ.get('JAXSIGHT_PROJECT')", "in setting.py line 6 changes"),
    ("import setting, os\ns = setting.Switch()", LOOP + "s.on()", "os.environ.get('JAXSIGHT_PROJECT')", "in setting.py line 6"),
    ("import setting, os", LOOP + "setting.late()", "os.environ.get('JAXSIGHT_PROJECT')", "in late_settings.py line 2"),
    ("import os", LOOP + "import late_settings", "os.environ.get('JAXSIGHT_PROJECT')", "in late_settings.py line 2"),
    ("import setting", LOOP + "setting.draw()", "setting.draw()", "NumPy's random state"),
    ("import setting, numpy", LOOP + "setting.np.random.rand()", "numpy.random.rand()", "hands `numpy` on"),
    ("import setting\ndef g(x): return x * g.scale\ng.scale = 1.0", LOOP + "setting.patch(g)", "g(x)", "`g`"),
    ("import hiding", LOOP + "hiding.f(1.0)", "x", "`globals` hides"),
    ("import broken", LOOP + "broken.f(1.0)", "x", "broken.py cannot be looked through"),
    ("import circular", LOOP + "circular.f(1.0)", "x", "script.py"),
    ("import stateful, hiding", LOOP + "stateful.grow()", "hiding.f(x)", "other files of the project"),
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(dedent(text))
    before, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    libraries.places.cache_clear()
    libraries.is_library.cache_clear()
    yield folder
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    libraries.places.cache_clear()
    libraries.is_library.cache_clear()


def sliced(folder: Path, text: str) -> tuple[ast.Module, Slice | None, Obstacle | None]:
    tree = ast.parse(text)
    project = Project(folder / "script.py", tree)
    return tree, *plan(tree, running_statements(tree), ["f"], "f", others=project)


def executed(folder: Path, tree: ast.Module) -> Any:
    """What `f(2.0)` gives in a program that starts with no file of the project imported."""
    for name, module in list(sys.modules.items()):
        if str(folder) in str(getattr(module, "__file__", "")):
            del sys.modules[name]
    namespace = vars(ModuleType("sliced_script"))
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(tree, "script.py", "exec", dont_inherit=True), namespace)
        return eval("f(2.0)", namespace)


@pytest.mark.parametrize(("head", "running", "result"), EXACT)
def test_what_other_files_define_does_not_keep_lines_from_being_left_out(
    project: Path, head: str, running: str, result: str
) -> None:
    tree, found, obstacle = sliced(project, f"{head}\n{running}\ndef f(x): return {result}\n")
    assert found is not None, obstacle
    assert found.left_out == (head.count("\n") + 2,)
    assert executed(project, found.tree) == executed(project, tree)


@pytest.mark.parametrize(("head", "running", "result", "why"), REFUSED)
def test_what_other_files_keep_or_set_is_named(
    project: Path, head: str, running: str, result: str, why: str
) -> None:
    _, found, obstacle = sliced(project, f"{head}\n{running}\ndef f(x): return {result}\n")
    assert found is None and obstacle is not None
    assert obstacle.line == head.count("\n") + 2
    assert why in obstacle.why

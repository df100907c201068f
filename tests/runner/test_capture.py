"""`jaxsight capture` at work: real programs, run as their users run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest

from jaxsight_runner.inputs.parser import parse_spec
from jaxsight_server.running.inputs_file import inputs_file, read_entries

MODEL = """
from functools import partial
from typing import NamedTuple
import dataclasses
import jax, jax.numpy as jnp

class Batch(NamedTuple):
    x: jax.Array
    y: jax.Array

@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float

def scaled(x, y):
    return x * 0.5, y

def loss(params, batch):
    x, y = scaled(batch.x * 2.0, batch.y)
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)

@partial(jax.jit, static_argnames="settings", donate_argnums=0)
def step(params, batch, keys, scale, *, settings, mode=None, **options):
    grads = jax.grad(loss)(params, batch)
    return jax.tree.map(lambda p, g: p - scale * settings.rate * g, params, grads)

class Net:
    def __init__(self): self.w = jnp.ones(3)
    @partial(jax.jit, static_argnums=(0, 2))
    def forward(self, x, act): return act(x @ self.w)
    @staticmethod
    def plain(n, *rest): return n

def make():
    def inner(a, b): return a @ b
    return jax.jit(inner)

double = jax.jit(lambda v: v * 2)
each = jax.vmap(lambda v, w: v @ w)
"""

TRAIN = """
import sys
import numpy as np
import jax, jax.numpy as jnp
import model
from model import Batch, Settings, step

def main(epochs):
    rng = np.random.default_rng(0)
    params = {"w": jnp.asarray(rng.normal(size=8), jnp.float32), "b": jnp.zeros(())}
    keys = jax.random.split(jax.random.key(0), 4), jax.random.PRNGKey(1)
    for i in range(epochs * 10):
        n = 32 if i % 10 < 9 else 17
        batch = Batch(rng.random((n, 8), np.float32), rng.integers(3, 8, n))
        params = step(params, batch, keys, 0.5, settings=Settings(0.01), extra={"flag": True, "z": jnp.ones(2)})
    print("w", params["w"].shape)
    net = model.Net()
    net.forward(jnp.ones((2, 3)), jax.nn.relu)
    net.plain(3, "more")
    model.make()(jnp.ones((2, 3)), jnp.full((3, 1), -1.0))
    model.double(jnp.arange(4.0))
    model.each(jnp.ones((5, 3)), jnp.ones((5, 3)))

if __name__ == "__main__":
    main(int(sys.argv[2]))
    print("trained", file=sys.stderr)
    sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in (("pyproject.toml", ""), ("model.py", MODEL), ("train.py", TRAIN)):
        (folder / name).write_text(dedent(text))
    return folder


# What a shell starts in the background is deaf to interrupts, and so is what that starts.
HEARING = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)


def start(project: Path, *words: str, **streams: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jaxsight_server.cli", "capture", "--python", sys.executable]
    pipe = subprocess.PIPE
    given: dict[str, Any] = {"stdout": pipe, "stderr": pipe, **streams}
    return subprocess.Popen([*HEARING, *command, *words], cwd=project, text=True, **given)


def capture(project: Path, *words: str, code: int = 0) -> tuple[str, str]:
    """What a capture says on standard output and standard error."""
    process = start(project, *words)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, (out, err)
    return out, err


def report(project: Path, *words: str) -> dict[str, Any]:
    return json.loads(capture(project, "--json", *words)[0])


def recorded(project: Path, name: str) -> dict[str, Any]:
    entry = read_entries(inputs_file(project))[name]
    assert isinstance(entry, dict)
    return cast("dict[str, Any]", entry)


def jaxsight(project: Path, *words: str) -> str:
    command = [sys.executable, "-m", "jaxsight_server.cli", *words, "--python", sys.executable]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


def test_a_training_loop_is_recorded_and_its_inputs_are_used(project: Path) -> None:
    before = {path.name for path in project.iterdir()}
    out, err = capture(project, "model.py::step", "--values", "--", "train.py", "--epochs", "1")

    assert out.startswith("w (8,)\n"), out
    assert "trained" in err
    assert "called 10 times by `train.py`, which ended with exit status 1" in out
    assert {path.name for path in project.iterdir()} - before == {".jaxsight"}
    entry = recorded(project, "model.py::step")
    spec = parse_spec(entry["inputs"])
    assert list(spec) == ["params", "batch", "keys", "scale", "settings", "extra"]
    text = entry["inputs"]
    for part in (
        "w: f32[8]", "b: f32 in [", "batch: Batch(x: f32[32,8] in [0.", "y: i32[32] in [3, 7])",
        "keys: (key[4], key(legacy))", "scale = 0.5", "settings = Settings(rate=0.01)",
        "extra: {flag: True, z: f32[2] in [1, 1]}",
    ):  # fmt: skip
        assert part in text
    assert entry["captured"].endswith("9 calls of 10 by train.py")
    assert len(entry["also"]) == 1
    assert entry["also"][0].startswith("1 call: params: {")
    assert "x: f32[17,8]" in entry["also"][0]
    numbers = entry["statistics"]["batch.x"]
    assert 0.45 < numbers["mean"] < 0.55

    seen = jaxsight(project, "inspect", "model.py::step")
    assert "batch: Batch(x: f32[32,8], y: i32[32])" in seen
    assert "(from .jaxsight/inputs.toml)" in seen


def test_kept_values_are_given_again(project: Path) -> None:
    (project / "a.py").write_text(
        "import jax, jax.numpy as jnp\nfrom typing import NamedTuple\nclass P(NamedTuple):\n    a: jax.Array\n    b: dict\n"
        "def f(p, key, x):\n    ok = p.a.tolist() == [1.5, -2.0] and p.b['h'].dtype == jnp.bfloat16 and float(p.b['h']) == 0.5\n"
        "    print('same', ok, jax.random.key_data(key).tolist(), x.shape)\n    return x * p.a.sum()\n"
    )
    (project / "run.py").write_text(
        "import jax, jax.numpy as jnp\nfrom a import f, P\n"
        "f(P(jnp.array([1.5, -2.0]), {'h': jnp.bfloat16(0.5)}), jax.random.key(7), jnp.ones(3))\n"
    )
    capture(project, "a.py::f", "--values", "--", "run.py")
    words = ("--input", "p: captured, key: captured, x: f32[B=5]")
    seen = jaxsight(project, "diagnose", "a.py::f", *words)

    assert "same True [0, 7] (5,)" in seen
    assert "(p, key from .jaxsight/inputs.toml)" in seen


@pytest.mark.parametrize(
    ("qualname", "values", "specs"),
    [
        ("Net.forward", "concrete", [None, "x: f32[2,3] in [1, 1]", "act = jax.nn.relu"]),
        ("Net.plain", "concrete", ["n = 3", None]),
        (
            "make.<locals>.inner",
            "enclosing",
            ["a: f32[2,3] in [1, 1]", "b: f32[3,1] in [-1, -1]"],
        ),
        ("double", "concrete", ["v: f32[4] in [0, 3]"]),
        ("each", "concrete", ["v: f32[5,3] in [1, 1]", "w: f32[5,3] in [1, 1]"]),
        (
            "loss",
            "enclosing",
            ["params: {b: f32 in [0, 0], w: f32[8] in [-0.5351, 1.304]}", "batch: Batch(x: f32[32,8] in [0.002741, 0.9972], y: i32[32] in [3, 7])"],
        ),
        ("scaled", "abstract", ["x: f32[32,8]", "y: i32[32] in [3, 7]"]),
    ],
)  # fmt: skip
def test_every_kind_of_function_is_seen(
    project: Path, qualname: str, values: str, specs: list[str | None]
) -> None:
    found = report(project, f"model.py::{qualname}", "--", "python", "train.py", "--epochs", "1")
    first = found["signatures"][0]

    assert first["values"] == values
    assert [argument["spec"] for argument in first["arguments"]] == specs
    assert found["program"] == "ended with exit status 1"


FRAMEWORKS = """
import sys
import jax, jax.numpy as jnp, numpy as np, optax
import flax.linen as linen, equinox as eqx
from flax import nnx
from flax.training.train_state import TrainState

class CNN(nnx.Module):
    def __init__(self, *, rngs): self.layer = nnx.Linear(8, 4, rngs=rngs)
    def __call__(self, x): return self.layer(x)

@nnx.jit
def nnx_step(model, optimizer, batch):
    grads = nnx.grad(lambda m: (m(batch["x"]) ** 2).mean())(model)
    optimizer.update(model, grads)

@jax.jit
def linen_step(state, batch):
    grads = jax.grad(lambda p: (state.apply_fn({"params": p}, batch["x"]) ** 2).mean())(state.params)
    return state.apply_gradients(grads=grads)

tx = optax.adam(1e-3)
@eqx.filter_jit
def eqx_step(model, moments, x):
    return eqx.filter_grad(lambda m: (jax.vmap(m)(x) ** 2).mean())(model)

if __name__ == "__main__":
    batch = {"x": np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)}
    net = linen.Dense(4)
    params = net.init(jax.random.key(0), batch["x"])["params"]
    linen_step(TrainState.create(apply_fn=net.apply, params=params, tx=tx), batch)
    eqx_step(eqx.nn.MLP(8, 4, 5, 1, key=jax.random.key(1)), tx.init({"w": jnp.ones(3)}), batch["x"])
    model = CNN(rngs=nnx.Rngs(0))
    nnx_step(model, nnx.Optimizer(model, tx, wrt=nnx.Param), batch)
"""


@pytest.mark.parametrize(
    ("qualname", "name", "suggestion", "leaves", "spec"),
    [
        (
            "nnx_step",
            "model",
            "model = CNN(rngs=nnx.Rngs(0))",
            ["f32[4]", "f32[8,4]"],
            "batch: {x: f32[6,8] in [0, 1]}",
        ),
        (
            "linen_step",
            "state",
            "state = TrainState.create(apply_fn=..., params=..., tx=...)",
            ["f32[4]", "f32[4]", "f32[4]", "f32[8,4]", "f32[8,4]", "f32[8,4]", "i32"],
            "batch: {x: f32[6,8] in [0, 1]}",
        ),
        (
            "eqx_step",
            "model",
            "model = eqx.nn.MLP(...)",
            ["f32[4,5]", "f32[4]", "f32[5,8]", "f32[5]"],
            "moments: (optax.ScaleByAdamState(count: i32 in [0, 0], mu: {w: f32[3] in [0, 0]}, "
            "nu: {w: f32[3] in [0, 0]}), optax.EmptyState())",
        ),
    ],
)  # fmt: skip
def test_training_steps_of_frameworks_say_what_no_spec_can(
    project: Path, qualname: str, name: str, suggestion: str, leaves: list[str], spec: str
) -> None:
    (project / "nn.py").write_text(FRAMEWORKS)
    found = report(project, f"nn.py::{qualname}", "--", "nn.py")
    (signature,) = found["signatures"]
    arguments = {argument["name"]: argument for argument in signature["arguments"]}

    assert signature["values"] == "concrete"
    assert arguments[name]["spec"] is None
    assert arguments[name]["suggestion"] == suggestion
    shapes = [leaf["value"] for leaf in arguments[name]["leaves"]]
    assert set(leaves) <= set(shapes)
    assert spec in [argument["spec"] for argument in signature["arguments"]]
    missing = recorded(project, f"nn.py::{qualname}")["missing"]
    assert missing[0].startswith(f"{suggestion}  # `{name}")


def test_a_pytest_node_runs_as_it_does_and_writes_no_cache(project: Path) -> None:
    (project / "test_a.py").write_text(
        "import jax.numpy as jnp\nimport model\n\ndef helper(x): return x + 1\n\n"
        "def test_one():\n    assert helper(jnp.arange(3)).sum() == 6\n\ndef test_two():\n    assert False\n"
    )
    words = ("--", "pytest", "-q", "-p", "no:cacheprovider", "test_a.py::test_one")
    out, _ = capture(project, "test_a.py::helper", *words)

    assert "1 passed" in out
    assert "called once by `pytest test_a.py::test_one`" in out
    assert recorded(project, "test_a.py::helper")["inputs"] == "x: i32[3] in [0, 2]"
    assert not list(project.rglob("*.pyc"))


PLAIN = """
import numpy as np
def double(v): return v * 2
def other(v): return v
"""


@pytest.fixture
def plain(project: Path) -> Path:
    """A project whose programs do without JAX, which is fast."""
    (project / "model.py").write_text(PLAIN)
    return project


def test_a_program_that_never_calls_it_is_told_in_one_sentence(plain: Path) -> None:
    (plain / "idle.py").write_text("import model\nmodel.other(1)\n")
    _, err = capture(plain, "model.py::double", "--", "idle.py", code=2)
    assert err == (
        "jaxsight: the program `idle.py` ended with exit status 0, and never called `double`, "
        "though it loaded model.py\n"
    )
    _, err = capture(plain, "model.py::double", "--", "-m", "nothing_of_it", code=2)
    assert "No module named nothing_of_it" in err
    assert "ended with exit status 1, and never called `double`: it did not load" in err
    for words, message in (
        (("model.py::duble", "--", "idle.py"), "model.py has no `duble`; did you mean `double`?"),
        (("model.py::double", "--", "none.py"), "`none.py` is no file here, and no command that "),
        (("model.py::double", "--", "python", "-c", "1"), "`python -c` cannot be watched: "),
        (("model.py::double",), "no program is named: "),
        (("model.ipynb::double", "--", "idle.py"), "functions of notebooks cannot be watched"),
        (("model.py", "--", "idle.py"), "`model.py` names no function: write FILE::QUALNAME"),
    ):
        out, err = capture(plain, *words, code=2)
        assert out == ""
        assert message in err
        assert err.count("\n") == 1
    assert not (plain / ".jaxsight").exists()


def test_all_parts_of_an_array_on_several_devices_are_looked_at(plain: Path) -> None:
    (plain / "run.py").write_text(
        "import os\nos.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=4'\n"
        "import jax, numpy as np, model\nfrom jax.sharding import Mesh, NamedSharding, PartitionSpec as P\n"
        "mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ('a', 'b'))\n"
        "model.double(jax.device_put(np.arange(64.0).reshape(8, 8), NamedSharding(mesh, P(None, 'b'))))\n"
    )
    found = report(plain, "model.py::double", "--", "run.py")
    (leaf,) = found["signatures"][0]["arguments"][0]["leaves"]
    assert (leaf["low"], leaf["high"], leaf["mean"], leaf["zeros"]) == (0, 63, 31.5, 1 / 64)


def test_a_report_that_is_not_there_or_cannot_be_read_says_why(plain: Path) -> None:
    python = plain / "python"
    (plain / "run.py").write_text("")
    lacking = """echo '{"type": "CaptureReport", "calls": 1}' > "$3/report.json\""""
    other = """echo '{"type": "Question", "kind": "inputs", "message": ""}' > "$3/report.json\""""
    for does, message in (
        ("exit 9", "ended with exit status 9, before the program began"),
        ('rm "$3/request.json"', "ended with exit status 0, and nothing could be written down in "),
        ('echo "{" > "$3/report.json"', "what was written down of it cannot be read: not JSON: "),
        (lacking, "what was written down of it cannot be read: CaptureReport lacks 'target'"),
        (other, "left a Question instead of a report"),
    ):
        python.write_text(f"#!/bin/sh\n{does}\n")
        python.chmod(0o755)
        words = ("model.py::double", "--python", str(python), "--", "run.py")
        _, err = capture(plain, *words, code=2)
        assert message in err
        assert err.count("\n") == 1


def test_a_crash_keeps_what_was_recorded_and_shows_only_the_programs_frames(plain: Path) -> None:
    program = plain / "crash.py"
    program.write_text(
        "import functools, model, numpy as np\ndouble = functools.partial(model.double)\n"
        "double(np.ones(2))\ndouble(object())\n"
    )
    out, err = capture(plain, "crash.py::double", "--", "crash.py")
    assert "which ended with exit status 1" in out
    assert 'crash.py", line 4, in <module>' in err
    assert 'model.py", line 3, in double' in err
    assert "jaxsight_runner" not in err
    program.write_text(
        "import os, signal, model, numpy as np\n"
        "model.double(np.ones(7))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out, _ = capture(plain, "model.py::double", "--", "crash.py")
    assert "which was ended by SIGKILL" in out
    assert recorded(plain, "model.py::double")["inputs"] == "v: f32[7] in [1, 1]"


def test_an_interrupt_ends_the_program_and_keeps_what_was_recorded(plain: Path) -> None:
    (plain / "endless.py").write_text(
        "import model, time\nmodel.double(7)\n"
        "try:\n    print('called', flush=True)\n    time.sleep(100)\n"
        "finally: print('cleaned up', flush=True)\n"
    )
    process = start(plain, "model.py::double", "--", "endless.py", start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "called\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert out.startswith("cleaned up\n")
    assert "which was interrupted" in out
    assert "KeyboardInterrupt" in err
    assert recorded(plain, "model.py::double")["inputs"] == "v = 7"


def test_it_stops_after_so_many_calls_or_seconds(plain: Path) -> None:
    (plain / "endless.py").write_text(
        "import atexit, model\natexit.register(print, 'at exit')\nwhile True: model.double(7)\n"
    )
    out, _ = capture(plain, "model.py::double", "--stop-after", "3", "--", "endless.py")
    assert out.startswith("at exit\n")
    assert "called 3 times by `endless.py`, which ended with exit status 0" in out
    out, _ = capture(plain, "model.py::double", "--timeout", "5", "--", "endless.py")
    assert "which was ended after 5 s" in out


def test_a_file_that_cannot_be_written_costs_nothing_but_the_file(plain: Path) -> None:
    (plain / "run.py").write_text("import model\nmodel.double([1, 2.5])\n")
    place = inputs_file(plain)
    place.parent.mkdir()
    place.write_text("[broken")
    out, err = capture(plain, "model.py::double", "--", "run.py", code=2)

    assert "input       v = [1, 2.5]" in out
    assert err.splitlines()[-1].startswith(f"jaxsight: cannot read {place}: ")
    assert place.read_text() == "[broken"


def test_calls_of_other_processes_are_not_heard_and_standard_input_is_the_programs(
    plain: Path,
) -> None:
    (plain / "run.py").write_text(
        "import model, os, sys\nif os.fork() == 0:\n    model.double('child')\n    os._exit(0)\n"
        "os.wait()\nmodel.double(sys.stdin.readline())\n"
    )
    process = start(plain, "model.py::double", "--", "run.py", stdin=subprocess.PIPE)
    out, err = process.communicate("typed\n", timeout=60)
    assert "called once" in out, err
    assert recorded(plain, "model.py::double")["inputs"] == "v = 'typed\\n'"

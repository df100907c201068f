"""The files that are measured: JAX programs as people write them, the same ones at each run.

`program` writes functions, modules, helpers that call each other, and a script at the end, of
varying names, sizes and shapes; a chosen number of mistakes is spread over its traced functions.
`installed` reads files of installed packages.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("jax", "flax", "optax", "numpyro")
REAL_FILES = {1000: ("numpyro", "infer/hmc.py"), 5000: ("numpyro", "distributions/continuous.py")}

HEADER = '''\
"""Training code for the {topic} experiments."""

from __future__ import annotations

import dataclasses
import functools
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

'''
_NOUNS = (
    "hidden", "latent", "state", "target", "score", "weight", "token", "frame", "patch", "query",
    "value", "logit", "reward", "policy", "field", "flow", "grid", "mask", "noise", "signal",
    "moment", "kernel", "energy", "path", "sample", "window", "context", "feature", "image", "code",
)  # fmt: skip
_VERBS = (
    "mix", "scale", "gather", "project", "encode", "decode", "shift", "smooth", "filter", "blend",
    "update", "score", "sample", "merge", "roll", "warp", "clip", "pool", "attend", "embed",
)  # fmt: skip
_MAPS = ("jnp.tanh", "jax.nn.relu", "jax.nn.gelu", "jnp.sin", "jax.nn.softplus", "jnp.abs")
_REDUCTIONS = ("jnp.mean", "jnp.sum", "jnp.max", "jnp.std")
_DRAWS = ("normal", "uniform", "laplace", "gumbel")
_MISTAKES = (  # each is one finding in a traced function of `batch`, `scale` and `key`
    ("    print(batch)",),
    ("    batch[0] = 0.0",),
    ("    scale = scale * np.sin(batch)",),
    ("    if jnp.max(batch) > 1.0:", "        scale = scale * 2.0"),
    (
        "    key_{n} = jax.random.fold_in(key, {n})",
        "    scale = scale + jax.random.normal(key_{n}) * jax.random.uniform(key_{n})",
    ),
    (
        "    key_{n} = jax.random.fold_in(key, {n})",
        "    for _ in range(3):",
        "        scale = scale + jax.random.normal(key_{n})",
    ),
    ("    params = jax.tree_map(jnp.square, params)",),
)
MISTAKEN_RULES = (
    "print-in-trace",
    "array-item-assignment",
    "numpy-on-traced",
    "traced-if",
    "key-reuse",
    "key-reuse-in-loop",
    "removed-api",
)


class _Writer:
    """One program in the making: names that are taken, helpers that can be called."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.helpers: list[str] = ["jnp.square"]
        self.leaves: list[str] = []  # helpers that call none
        self.losses: list[str] = []
        self.modules: list[str] = []
        self.taken: set[str] = set()

    def name(self, *, capital: bool = False) -> str:
        while True:
            verb, noun = self.chance.choice(_VERBS), self.chance.choice(_NOUNS)
            name = f"{verb.title()}{noun.title()}" if capital else f"{verb}_{noun}"
            if name in self.taken:
                name += str(self.chance.randrange(2, 1000))
            if name not in self.taken:
                self.taken.add(name)
                return name

    def one(self, options: tuple[str, ...]) -> str:
        return self.chance.choice(options)

    def helper(self) -> str:
        """A function to call: one of the last helpers, or one of JAX."""
        return self.chance.choice((*self.helpers[-5:], *_MAPS))

    def leaf(self) -> str:
        """A function to call that calls no other of the file."""
        return self.chance.choice((*self.leaves[-4:], *_MAPS))


def _helper(w: _Writer) -> list[str]:
    """A small function that calls others."""
    called = w.leaf if w.leaves and w.chance.random() < 0.4 else lambda: w.one(_MAPS)
    name, (one, other) = w.name(), w.chance.sample(_NOUNS, 2)
    axis = w.chance.choice(("-1", "0", "None"))
    lines = [f"def {name}({one}, {other}=1.0, *, axis={axis}):"]
    if w.chance.random() < 0.5:
        lines.append(f'    """{name.replace("_", " ").capitalize()} along one axis."""')
    for _ in range(w.chance.randrange(1, 5)):
        step = w.chance.randrange(4)
        if step == 0:
            lines.append(f"    {one} = {w.one(_MAPS)}({one} * {other})")
        elif step == 1:
            lines.append(
                f"    {one} = {one} - {w.one(_REDUCTIONS)}({one}, axis=axis, keepdims=True)"
            )
        elif step == 2:
            lines += [f"    if {one}.ndim > {w.chance.randrange(1, 4)}:",
                      f"        {one} = jnp.expand_dims({one}, 0)"]  # fmt: skip
        else:
            lines.append(f"    {one} = {called()}({one})")
    lines.append(f"    return {called()}({one}) / {w.chance.randrange(2, 9)}.0")
    w.helpers.append(name)
    if called != w.leaf:
        w.leaves.append(name)
    return lines


def _config(w: _Writer) -> list[str]:
    """A dataclass of settings."""
    name = w.name(capital=True) + "Config"
    lines = ["@dataclasses.dataclass(frozen=True)", f"class {name}:"]
    for noun in w.chance.sample(_NOUNS, w.chance.randrange(3, 9)):
        kind = w.chance.choice(("int = 64", "float = 0.1", 'str = "mean"', "bool = True"))
        lines.append(f"    {noun}_size: {kind}")
    return lines


def _module(w: _Writer) -> list[str]:
    """A Flax module, with methods."""
    name = w.name(capital=True)
    width, rate = w.chance.choice((32, 64, 128, 256)), w.chance.choice((0.1, 0.2, 0.5))
    lines = [
        f"class {name}(nn.Module):",
        f"    width: int = {width}",
        f"    rate: float = {rate}",
        "",
    ]
    lines += ["    @nn.compact", "    def __call__(self, x, train: bool = False):"]
    for layer in range(w.chance.randrange(1, 6)):
        lines.append(f"        x = nn.Dense(self.width, name='{w.one(_NOUNS)}_{layer}')(x)")
        if w.chance.random() < 0.4:
            lines.append("        x = nn.LayerNorm()(x)")
        lines.append(f"        x = {w.one(_MAPS)}(x)")
    if w.chance.random() < 0.6:
        lines += [
            "        if train:",
            "            x = nn.Dropout(self.rate, deterministic=False)(x)",
        ]
    lines.append(f"        return {w.helper()}(x)")
    for _ in range(w.chance.randrange(3)):
        lines += ["", f"    def {w.name()}(self, x, {w.one(_NOUNS)}=None):"]
        lines += [f"        y = {w.helper()}(x)", f"        return {w.one(_MAPS)}(x + y)"]
    w.modules.append(name)
    return lines


def _traced(w: _Writer, mistakes: list[int]) -> list[str]:
    """A compiled function: the place for mistakes."""
    name = w.name()
    decorator, parameters = w.chance.choice(
        (
            ("@jax.jit", "params, batch, key, scale=1.0"),
            ("@partial(jax.jit, static_argnames=('steps',))", "params, batch, key, scale=1.0, steps=4"),
            ("@functools.partial(jax.jit, donate_argnums=(0,))", "params, batch, key, scale=1.0"),
        )
    )  # fmt: skip
    lines = [decorator, f"def {name}({parameters}):"]
    if not mistakes:
        lines.append("    draw_key, drop_key = jax.random.split(key)")
        lines.append(f"    noise = jax.random.{w.one(_DRAWS)}(draw_key, batch.shape)")
        lines.append("    batch = batch + scale * noise")
    for mistake in mistakes:
        lines += [line.format(n=mistake) for line in _MISTAKES[mistake % len(_MISTAKES)]]
    for noun in w.chance.sample(_NOUNS, w.chance.randrange(1, 5)):
        lines.append(f"    {noun}_part = {w.helper()}(batch @ params['{noun}'])")
        lines.append(f"    batch = {w.one(_MAPS)}({noun}_part) + params.get('{noun}_bias', 0.0)")
    if "steps" in parameters:
        lines += [
            "    for step in range(steps):",
            f"        batch = {w.helper()}(batch) * (step + 1)",
        ]
    if w.chance.random() < 0.4:
        lines.append(f"    batch = jax.lax.cond(scale > 1.0, {w.one(_MAPS)}, lambda v: v, batch)")
    lines.append(f"    return {w.one(_REDUCTIONS)}(jnp.where(batch > 0, batch, scale * batch))")
    w.losses.append(name)
    return lines


def _scan(w: _Writer) -> list[str]:
    """A loop in `lax.scan` around a local body."""
    name, noun = w.name(), w.one(_NOUNS)
    lines = [f"def {name}(init, inputs, key, length={w.chance.randrange(4, 64)}):"]
    lines += ["    def body(carry, item):", f"        {noun}, key = carry"]
    lines.append("        key, subkey = jax.random.split(key)")
    lines.append(f"        step = jax.random.{w.one(_DRAWS)}(subkey, {noun}.shape) * 0.01")
    lines.append(f"        {noun} = {w.helper()}({noun} + item) + step")
    if w.chance.random() < 0.5:
        lines.append(f"        {noun} = jnp.clip({noun}, -{w.chance.randrange(1, 9)}.0, 9.0)")
    lines += [f"        return ({noun}, key), {w.one(_REDUCTIONS)}({noun})", ""]
    lines += ["    (last, _), trace = jax.lax.scan(body, (init, key), inputs, length=length)"]
    lines.append("    return last, trace")
    return lines


def _update(w: _Writer) -> list[str]:
    """A training step around a loss."""
    if not w.losses:
        return _scan(w)
    name, loss = w.name(), w.chance.choice(w.losses[-5:])
    lines = [f"def make_{name}(optimizer: optax.GradientTransformation, clip: float = 1.0):"]
    lines += [f'    """A step that lowers `{loss}`."""', "", "    @jax.jit"]
    lines.append("    def step(params, opt_state, batch, key):")
    lines.append(f"        loss, grads = jax.value_and_grad({loss})(params, batch, key)")
    if w.chance.random() < 0.5:
        lines.append("        grads = jax.tree.map(lambda g: jnp.clip(g, -clip, clip), grads)")
    lines.append("        updates, opt_state = optimizer.update(grads, opt_state, params)")
    lines += ["        params = optax.apply_updates(params, updates)"]
    lines += ["        return params, opt_state, loss", "", "    return step"]
    return lines


def _data(w: _Writer) -> list[str]:
    """Host code: arrays of NumPy, files, loops."""
    name, noun = w.name(), w.one(_NOUNS)
    lines = [f"def load_{name}(path: str, batch_size: int = {w.chance.choice((16, 32, 128))}):"]
    lines += ["    with open(path, 'rb') as file:", f"        {noun} = np.load(file)"]
    lines.append(f"    {noun} = ({noun} - {noun}.mean(axis=0)) / ({noun}.std(axis=0) + 1e-6)")
    if w.chance.random() < 0.5:
        lines += [
            f"    if len({noun}) % batch_size:",
            f"        {noun} = {noun}[: -(len({noun}) % batch_size)]",
        ]
    lines += [f"    for start in range(0, len({noun}), batch_size):"]
    lines.append(f"        yield {noun}[start : start + batch_size]")
    return lines


def _state(w: _Writer) -> list[str]:
    """A NamedTuple of arrays and a function of it."""
    name = w.name(capital=True) + "State"
    fields = w.chance.sample(_NOUNS, w.chance.randrange(2, 6))
    lines = [f"class {name}(NamedTuple):", *(f"    {field}: jax.Array" for field in fields), "", ""]
    function = w.name()
    lines += [f"def {function}(state: {name}, rate: float = 0.9) -> {name}:"]
    for field in fields:
        lines.append(
            f"    {field} = rate * state.{field} + (1.0 - rate) * {w.helper()}(state.{field})"
        )
    lines.append(f"    return {name}({', '.join(fields)})")
    return lines


def _script(w: _Writer) -> list[str]:
    """What runs at the end of the file, at the module's level."""
    lines = [
        "SEED = 17",
        "key = jax.random.key(SEED)",
        "optimizer = optax.adam(1e-3)",
        "history: list[Any] = []",
    ]
    for module in w.modules[-3:]:
        name = module.lower()
        lines += ["key, init_key = jax.random.split(key)", f"{name} = {module}()"]
        lines.append(f"{name}_params = {name}.init(init_key, jnp.ones((8, 32)))")
    lines += ["for epoch in range(10):", "    key, epoch_key = jax.random.split(key)"]
    lines.append("    data = jax.random.normal(epoch_key, (8, 32))")
    for module in w.modules[-3:]:
        lines.append(
            f"    history.append(float({module.lower()}.apply({module.lower()}_params, data).mean()))"
        )
    lines += ["", 'if __name__ == "__main__":', "    print(sum(history) / len(history))"]
    return lines


_SHAPES: tuple[tuple[Callable[[_Writer], list[str]], int], ...] = (
    (_helper, 6), (_module, 3), (_scan, 2), (_update, 2), (_data, 1), (_state, 2), (_config, 1),
)  # fmt: skip


def program(lines: int, findings: int = 0, seed: int = 0) -> str:
    """A JAX program of about that many lines with exactly that many mistakes."""
    w = _Writer(1_000_003 * seed + lines + findings)
    shapes, weights = zip(*_SHAPES)
    parts = [HEADER.format(topic=w.one(_NOUNS))]
    end = len(_script(w)) + 8
    length, made = parts[0].count("\n"), 0
    while length < lines - end:
        due = round(findings * (length + end) / max(lines - 2 * end, 1)) - made
        count = max(0, min(due, findings - made, 5))
        if count or w.chance.random() < 0.2:
            block = _traced(w, list(range(made, made + count)))
            made += count
        else:
            block = w.chance.choices(shapes, weights)[0](w)
        parts.append("\n\n" + "\n".join(block) + "\n")
        length += parts[-1].count("\n")
    if made < findings:
        parts.append("\n\n" + "\n".join(_traced(w, list(range(made, findings)))) + "\n")
    parts.append("\n\n" + "\n".join(_script(w)) + "\n")
    return "".join(parts)


def installed(package: str, path: str = "") -> Path | None:
    """A file or folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / path


def read(path: Path) -> str:
    """The text of a file of a package, whatever it holds."""
    return path.read_text(encoding="utf-8", errors="replace")


def cases(lines: int) -> dict[str, str]:
    """The texts of about that many lines: without and with findings, and one that people wrote."""
    found = {f"{n} findings": program(lines, n, seed=n) for n in (0, 10, 100)}
    package, path = REAL_FILES[lines]
    real = installed(package, path)
    if real is not None:
        found[real.name] = read(real)
    return found

"""Programs in many styles, whose locals have one shape when JAX traces them and when Python runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

jax: Any = import_module("jax")
jnp, lax, random = jax.numpy, jax.lax, jax.random


class Moments(NamedTuple):
    mean: Any
    spread: Any


@partial(jax.tree_util.register_dataclass, data_fields=["weight", "bias"], meta_fields=["name"])
@dataclass
class Layer:
    weight: Any
    bias: Any
    name: str = "dense"

    def __call__(self, x: Any) -> Any:
        product = x @ self.weight
        return product + self.bias


def network(x: Any, w: Any) -> Any:
    hidden = jnp.tanh(x @ w)
    scaled = hidden / jnp.linalg.norm(hidden, axis=-1, keepdims=True)
    return scaled.sum(axis=0)


def attention(x: Any, w: Any) -> Any:
    query, key = x @ w, x @ w
    scores = jnp.einsum("td,sd->ts", query, key)
    weights = jax.nn.softmax(scores, axis=-1)
    return weights @ x


def heads(x: Any) -> Any:
    split = x.reshape(x.shape[0], 2, x.shape[1] // 2)
    swapped = split.transpose(1, 0, 2)
    first, second = swapped
    return first + second


def recurrent(x: Any, w: Any) -> Any:
    def step(state: Any, row: Any) -> Any:
        mixed = state @ w + row
        state = jnp.tanh(mixed)
        return state, state[:2]

    last, tops = lax.scan(step, jnp.zeros(w.shape[0]), x)
    return last, tops


def newton(x: Any) -> Any:
    def unfinished(carry: Any) -> Any:
        step, value = carry
        gap = jnp.abs(value**2 - 2.0)
        return (gap > 1e-3) & (step < 20)

    def improve(carry: Any) -> Any:
        step, value = carry
        value = 0.5 * (value + 2.0 / value)
        return step + 1, value

    steps, root = lax.while_loop(unfinished, improve, (jnp.int32(0), x.mean() ** 2 + 1.0))
    return steps, root


def folded(x: Any) -> Any:
    def add(index: Any, total: Any) -> Any:
        row = x[index]
        return total + row * index

    return lax.fori_loop(0, x.shape[0], add, jnp.zeros(x.shape[1]))


def differentiated(x: Any, w: Any) -> Any:
    def loss(weight: Any) -> Any:
        error = x @ weight - 1.0
        return jnp.mean(error**2)

    value, slope = jax.value_and_grad(loss)(w)
    return value, w - 0.1 * slope


def mapped(x: Any, w: Any) -> Any:
    def one(row: Any) -> Any:
        projected = row @ w
        return projected, projected.max()

    rows, tops = jax.vmap(one)(x)
    return rows, tops


def noisy(x: Any) -> Any:
    key = random.key(0)
    first, *others = random.split(key, 3)
    noise = random.normal(first, x.shape)
    mask = random.bernoulli(others[0], 0.5, x.shape[:1])
    return jnp.where(mask[:, None], x + noise, x)


def moments(x: Any) -> Any:
    found = Moments(x.mean(axis=0), x.std(axis=0))
    centred = (x - found.mean) / found.spread
    return found, centred


def layered(x: Any, w: Any) -> Any:
    layers = [Layer(w, jnp.zeros(w.shape[1])), Layer(w.T @ w, jnp.zeros(w.shape[1]), "square")]
    for layer in layers:
        x = layer(x)
    return x


def nested(x: Any) -> Any:
    params = {"scale": jnp.ones(x.shape[1]), "shift": jnp.zeros(())}

    def double(leaf: Any) -> Any:
        return leaf * 2

    doubled = jax.tree.map(double, params)
    return {"x": x * doubled["scale"] + doubled["shift"], "params": doubled}


def branched(x: Any) -> Any:
    total = x.sum()

    def grow() -> Any:
        larger = x * 2
        return larger + 1

    return lax.cond(total > -1e9, grow, lambda: x)


def compiled(x: Any, w: Any) -> Any:
    @jax.jit
    def inner(a: Any) -> Any:
        b = a @ w
        return b.astype(jnp.bfloat16)

    half = inner(x)
    return half.astype(jnp.float32)


def checkpointed(x: Any, w: Any) -> Any:
    @jax.checkpoint
    def block(a: Any) -> Any:
        b = jnp.sin(a @ w)
        return b.sum()

    return jax.grad(block)(x)


def updated(x: Any) -> Any:
    order = jnp.argsort(x[:, 0])
    sorted_rows = x[order]
    changed = sorted_rows.at[0].set(0.0)
    counts = jnp.zeros(5, jnp.int32).at[order % 5].add(1)
    return changed, counts


def looped(x: Any) -> Any:
    parts: list[Any] = []
    for index in range(3):
        part = x[:, index : index + 1]
        parts.append(part)
    joined = jnp.concatenate(parts, axis=1)
    if (count := joined.shape[0]) > 2:
        joined = joined / count
    return joined


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "network": (network, ((6, 4), (4, 3))),
    "attention": (attention, ((6, 4), (4, 4))),
    "heads": (heads, ((6, 4),)),
    "recurrent": (recurrent, ((6, 4), (4, 4))),
    "newton": (newton, ((6,),)),
    "folded": (folded, ((6, 4),)),
    "differentiated": (differentiated, ((6, 4), (4, 1))),
    "mapped": (mapped, ((6, 4), (4, 3))),
    "noisy": (noisy, ((6, 4),)),
    "moments": (moments, ((6, 4),)),
    "layered": (layered, ((6, 4), (4, 4))),
    "nested": (nested, ((6, 4),)),
    "branched": (branched, ((6, 4),)),
    "compiled": (compiled, ((6, 4), (4, 3))),
    "checkpointed": (checkpointed, ((6, 4), (4, 3))),
    "updated": (updated, ((6, 4),)),
    "looped": (looped, ((6, 4),)),
}

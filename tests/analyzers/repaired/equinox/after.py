"""Fits a sine with a small network of Equinox, with an average of its parameters kept beside it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax


class Network(eqx.Module):
    """Layers, a scale, and the name of the experiment."""

    layers: eqx.nn.Sequential
    scale: jax.Array
    name: str = eqx.field(static=True)
    shift: jax.Array

    def __init__(self, width: int, name: str, *, key):
        first, second = jax.random.split(key)
        self.layers = eqx.nn.Sequential(
            [
                eqx.nn.Linear(1, width, key=first),
                eqx.nn.Lambda(jax.nn.tanh),
                eqx.nn.Linear(width, 1, key=second),
            ]
        )
        self.scale = jnp.ones(())
        self.shift = jnp.zeros(())
        self.name = name

    def __call__(self, x):
        return self.layers(x) * self.scale + self.shift


def loss_fn(network: Network, x, y):
    return ((jax.vmap(network)(x) - y) ** 2).mean()


@eqx.filter_jit
def step(network: Network, state, optimizer, x, y):
    loss, grads = eqx.filter_value_and_grad(loss_fn)(network, x, y)
    updates, state = optimizer.update(grads, state)
    return eqx.apply_updates(network, updates), state, loss


def halved(network: Network):
    """The network with half of its scale."""
    network = eqx.tree_at(lambda tree: tree.scale, network, network.scale / 2)
    return network


def train(steps: int):
    """Trains, and returns whether it fits, and the scale."""
    x = jnp.linspace(-2.0, 2.0, 64)[:, None]
    y = jnp.sin(2.0 * x)
    network = Network(32, "sine", key=jax.random.key(0))
    network = halved(network)
    start = float(network.scale)
    optimizer = optax.adam(1e-2)
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    for _ in range(steps):
        network, state, loss = step(network, state, optimizer, x, y)
    fits = bool(loss < 0.02)
    network = eqx.tree_at(lambda tree: tree.scale, network, jnp.zeros(()))
    momentum = optax.sgd(1e-3, momentum=0.9).init(eqx.filter(network, eqx.is_array))
    kept = sum(leaf.size for leaf in jax.tree.leaves(momentum))
    silent = jax.jit(lambda network, x: network.scale * x)(eqx.filter(network, eqx.is_array), 3.0)
    return start, fits, float(silent), network.name, kept


result = train(400)
expected = (0.5, True, 0.0, "sine", 99)

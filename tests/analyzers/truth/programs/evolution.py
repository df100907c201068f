"""OpenAI-style evolution strategies with an ask-tell interface on a cart-pole-like rollout."""
import abc
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax.flatten_util import ravel_pytree


@struct.dataclass
class ESState:
    mean: jax.Array
    momentum: jax.Array
    sigma: float
    key: Any
    best: float = -jnp.inf


class Strategy(abc.ABC):
    def __init__(self, popsize: int):
        self.popsize = popsize

    @abc.abstractmethod
    def ask(self, state):
        ...

    @abc.abstractmethod
    def tell(self, state, noise, fitness):
        ...


class OpenES(Strategy):
    def __init__(self, popsize, dim, lr=0.05):
        super().__init__(popsize)
        self.dim = dim
        self.lr = lr

    def initialize(self, key, mean):
        return ESState(mean=mean, momentum=jnp.zeros_like(mean), sigma=0.1, key=key)

    def ask(self, state):
        key, sub = jax.random.split(state.key)
        half = jax.random.normal(sub, (self.popsize // 2, self.dim))
        noise = jnp.concatenate([half, -half])
        candidates = state.mean + state.sigma * noise
        return candidates, noise, state.replace(key=key)

    def tell(self, state, noise, fitness):
        shaped = centered_rank(fitness)
        gradient = noise.T @ shaped / (self.popsize * state.sigma)
        momentum = 0.9 * state.momentum + gradient
        return state.replace(
            mean=state.mean + self.lr * momentum,
            momentum=momentum,
            sigma=jnp.maximum(state.sigma * 0.99, 0.01),
            best=jnp.maximum(state.best, fitness.max()),
        )


def centered_rank(fitness):
    ranks = jnp.argsort(jnp.argsort(fitness))
    return ranks / (fitness.size - 1) - 0.5


def policy(params, obs):
    hidden = jnp.tanh(params["w"] @ obs)
    return jnp.dot(params["v"], hidden)


def dynamics(state, force):
    x, v, theta, omega = state
    a = force + 0.1 * jnp.sin(theta)
    alpha = jnp.sin(theta) - a * jnp.cos(theta)
    return jnp.array([x + 0.02 * v, v + 0.02 * a, theta + 0.02 * omega, omega + 0.02 * alpha])


def rollout(params, key, steps=20):
    start = 0.05 * jax.random.normal(key, (4,))

    def step(carry, _):
        state, alive = carry
        force = policy(params, state)
        state = dynamics(state, force)
        alive = alive * (jnp.abs(state[2]) < 0.5)
        return (state, alive), alive

    _, alive = jax.lax.scan(step, (start, jnp.array(1.0)), None, length=steps)
    return alive.sum()


def main(generations=2, popsize=6):
    key = jax.random.key(0)
    key, init_key, eval_key = jax.random.split(key, 3)
    template = {"w": jnp.zeros((4, 4)), "v": jnp.zeros(4)}
    flat, unravel = ravel_pytree(template)
    es = OpenES(popsize, flat.size)
    state = es.initialize(init_key, flat + 0.01)

    def fitness_fn(vector, key):
        return rollout(unravel(vector), key)

    @jax.jit
    def generation(state, key):
        candidates, noise, state = es.ask(state)
        keys = jax.random.split(key, popsize)
        fitness = jax.vmap(fitness_fn)(candidates, keys)
        state = es.tell(state, noise, fitness)
        return state, fitness.mean()

    for g in range(generations):
        eval_key, sub = jax.random.split(eval_key)
        state, mean = generation(state, sub)
        print(g, mean, state.best)


main()

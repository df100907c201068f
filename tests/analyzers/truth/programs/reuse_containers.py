"""Key reuse through containers: an array of keys, a dict of keys, a state that is passed on."""
from typing import NamedTuple

import jax
import jax.numpy as jnp


class State(NamedTuple):
    value: jax.Array
    key: jax.Array


def advance(state):
    noise = jax.random.normal(state.key)
    return State(state.value + noise, state.key)


def good_advance(state):
    key, sub = jax.random.split(state.key)
    return State(state.value + jax.random.normal(sub), key)


def initialise(rngs):
    w = jax.random.normal(rngs["params"], (2,))
    mask = jax.random.bernoulli(rngs["dropout"], 0.5, (2,))
    b = jax.random.normal(rngs["params"], (2,))  # mistake
    return w * mask + b


key = jax.random.key(3)
params_key, dropout_key, state_key, good_key, last_key = jax.random.split(key, 5)
print(initialise({"params": params_key, "dropout": dropout_key}))
state = State(jnp.zeros(()), state_key)
state = advance(state)
state = advance(state)
good = good_advance(good_advance(State(jnp.zeros(()), good_key)))
k1, k2 = jax.random.split(last_key)
pair = [jax.random.normal(k) for k in (k1, k2)]
again = jax.random.uniform(k1)  # mistake
print(state.value, good.value, pair, again)

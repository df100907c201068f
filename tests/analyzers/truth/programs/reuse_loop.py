"""Key reuse: a training loop that never splits, and a scan whose body closes over its key."""
import jax
import jax.numpy as jnp
from jax import random


def sample_batch(key, n):
    return random.normal(key, (n, 2))


def train(key, steps):
    w = jnp.zeros(2)
    for i in range(steps):
        batch = sample_batch(key, 4)  # mistake
        w = w - 0.1 * batch.mean(axis=0)
    return w


def walk(key, steps):
    def body(x, _):
        return x + random.normal(key), x

    return jax.lax.scan(body, 0.0, None, length=steps)  # mistake


def good_walk(key, steps):
    def body(x, k):
        return x + random.normal(k), x

    return jax.lax.scan(body, 0.0, random.split(key, steps))


train_key, walk_key, good_key = random.split(random.key(1), 3)
print(train(train_key, 3))
print(walk(walk_key, 3)[0])
print(good_walk(good_key, 3)[0])

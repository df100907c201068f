"""Silent mistakes: time and NumPy's random numbers are frozen into compiled code; a global is stale."""
import time

import jax
import jax.numpy as jnp
import numpy as np

SCALE = 1.0
HISTORY = []


@jax.jit
def noisy_step(x):
    noise = np.random.normal(size=3)
    return x + noise


@jax.jit
def stamped(x):
    now = time.time()
    return x * 0 + now


@jax.jit
def scaled(x):
    return x * SCALE


@jax.jit
def logged(x):
    y = jnp.sin(x)
    HISTORY.append(1)
    print("called with", y.shape)
    return y


class Accumulator:
    def __init__(self):
        self.calls = 0
        self.add = jax.jit(self._add)

    def _add(self, total, x):
        self.calls += 1
        result = total + x
        return result


x = jnp.arange(3.0)
same = noisy_step(x) == noisy_step(x)
before = stamped(x)
after = stamped(x)
first = scaled(x)
SCALE = 2.0
second = scaled(x)
for _ in range(3):
    out = logged(x)
acc = Accumulator()
total = jnp.zeros(3)
for _ in range(3):
    total = acc.add(total, x)
print(same.all(), (before == after).all(), (first == second).all(), len(HISTORY), acc.calls)

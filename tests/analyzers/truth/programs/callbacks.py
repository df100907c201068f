"""Host code called from traced code: pure_callback, io_callback, debug.callback, and a logger."""
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

LOG = []


def host_sort(values):
    copied = np.array(values)
    order = np.argsort(copied, kind="stable")
    return copied[order]


def sort_on_host(x):
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(host_sort, shape, x, vmap_method="sequential")


def record(step, value):
    number = int(step)
    LOG.append((number, float(value)))
    if number > 100:
        raise ValueError("too many steps")


class Counter:
    def __init__(self):
        self.count = 0

    def increment(self, amount):
        self.count += int(amount)
        return np.int32(self.count)


counter = Counter()


@jax.jit
def tick(amount):
    total = io_callback(counter.increment, jax.ShapeDtypeStruct((), jnp.int32), amount, ordered=True)
    return total + 1


def logged(every):
    def decorator(fn):
        @functools.wraps(fn)
        def wrapper(carry, i):
            carry, out = fn(carry, i)
            should = i % every == 0
            jax.lax.cond(
                should,
                lambda value: jax.debug.callback(record, i, value),
                lambda value: None,
                out,
            )
            return carry, out

        return wrapper

    return decorator


@logged(every=2)
def body(carry, i):
    value = carry * 0.9 + i
    return value, value.astype(jnp.float32)


@jax.jit
def loop(x):
    final, values = jax.lax.scan(body, x, jnp.arange(5))
    jax.debug.print("final {f}", f=final)
    return final, values.sum()


def median(x):
    ordered = sort_on_host(x)
    return ordered[ordered.shape[0] // 2]


print(loop(1.0))
print(jax.jit(median)(jnp.array([3.0, 1.0, 2.0])))
print(jax.vmap(median)(jnp.arange(6.0).reshape(2, 3)))
print(tick(jnp.int32(2)), tick(jnp.int32(3)), counter.count)
jax.effects_barrier()
print(len(LOG))

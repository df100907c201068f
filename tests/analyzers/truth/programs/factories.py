"""Decorators and factories: a user's own jit wrapper, retries, curried layers, registries."""
import functools
import time

import jax
import jax.numpy as jnp
from jax import lax

REGISTRY = {}


def my_jit(fn=None, **options):
    if fn is None:
        return functools.partial(my_jit, **options)
    return functools.wraps(fn)(jax.jit(fn, **options))


def timed(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        out = jax.block_until_ready(fn(*args, **kwargs))
        wrapper.seconds = time.perf_counter() - start
        return out

    return wrapper


def register(name):
    def decorate(fn):
        REGISTRY[name] = fn
        return fn

    return decorate


@register("square")
@my_jit
def square(x):
    y = x * x
    return y


@register("power")
@my_jit(static_argnames=("n",))
def power(x, n):
    result = x
    for _ in range(n - 1):
        result = result * x
    return result


def dense(n_out):
    def init(key, n_in):
        w = jax.random.normal(key, (n_in, n_out)) / jnp.sqrt(n_in)
        return w

    def apply(w, x):
        return x @ w

    return init, apply


def activation(fn):
    return (lambda key, n_in: ()), (lambda _, x: fn(x))


def serial(*layers):
    inits, applies = zip(*layers)

    def init(key, n_in):
        params = []
        for layer_init in inits:
            key, sub = jax.random.split(key)
            p = layer_init(sub, n_in)
            if not isinstance(p, tuple):
                n_in = p.shape[-1]
            params.append(p)
        return params

    def apply(params, x):
        for p, f in zip(params, applies):
            x = f(p, x)
        return x

    return init, apply


def make_update(apply, lr):
    def loss(params, x, y):
        pred = apply(params, x)
        return jnp.mean((pred - y) ** 2)

    @timed
    @jax.jit
    def update(params, x, y):
        value, grads = jax.value_and_grad(loss)(params, x, y)
        return jax.tree.map(lambda p, g: p - lr * g, params, grads), value

    return update


def compose(*fns):
    return functools.reduce(lambda f, g: lambda x: g(f(x)), fns)


def iterate(f, n):
    def run(x):
        return lax.fori_loop(0, n, lambda _, v: f(v), x)

    return run


x = jnp.arange(4.0)
print({name: (fn(x) if name == "square" else fn(x, 3)) for name, fn in REGISTRY.items()})
init, apply = serial(dense(8), activation(jax.nn.relu), dense(1))
params = init(jax.random.key(0), 4)
update = make_update(apply, 0.01)
for _ in range(2):
    params, value = update(params, jnp.ones((2, 4)), jnp.ones((2, 1)))
pipeline = jax.jit(compose(jnp.sin, square, iterate(lambda v: v * 0.5 + 1.0, 3)))
print(value, update.seconds > 0, pipeline(x))

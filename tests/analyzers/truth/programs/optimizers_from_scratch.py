"""Optimisers as (init, update, get) triples, schedules as closures, a line search, a host driver."""
import jax
import jax.numpy as jnp
from collections import OrderedDict, namedtuple
from jax.tree_util import tree_leaves, tree_map

Optimizer = namedtuple("Optimizer", ["init", "update", "get_params"])


def constant(step_size):
    def schedule(i):
        return step_size
    return schedule


def inverse_time(step_size, decay):
    def schedule(i):
        return step_size / (1 + decay * i)
    return schedule


def make_schedule(scalar_or_schedule):
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    return constant(scalar_or_schedule)


def momentum(step_size, mass):
    step_size = make_schedule(step_size)

    def init(params):
        velocity = tree_map(jnp.zeros_like, params)
        return params, velocity

    def update(i, grads, state):
        params, velocity = state
        velocity = tree_map(lambda v, g: mass * v + g, velocity, grads)
        lr = step_size(i)
        params = tree_map(lambda p, v: p - lr * v, params, velocity)
        return params, velocity

    def get_params(state):
        params, _ = state
        return params

    return Optimizer(init, update, get_params)


def adam(step_size, b1=0.9, b2=0.999, eps=1e-8):
    step_size = make_schedule(step_size)

    def init(params):
        zeros = tree_map(jnp.zeros_like, params)
        return OrderedDict(params=params, m=zeros, v=zeros)

    def update(i, grads, state):
        m = tree_map(lambda m, g: (1 - b1) * g + b1 * m, state["m"], grads)
        v = tree_map(lambda v, g: (1 - b2) * g ** 2 + b2 * v, state["v"], grads)
        correct1, correct2 = 1 - b1 ** (i + 1), 1 - b2 ** (i + 1)
        scale = step_size(i)

        def move(p, m, v):
            return p - scale * (m / correct1) / (jnp.sqrt(v / correct2) + eps)

        params = tree_map(move, state["params"], m, v)
        return OrderedDict(params=params, m=m, v=v)

    return Optimizer(init, update, lambda state: state["params"])


def backtracking(f, params, grads, value, max_halvings=6):
    norm2 = sum(jnp.vdot(g, g) for g in tree_leaves(grads))

    def try_step(t):
        return tree_map(lambda p, g: p - t * g, params, grads)

    def too_long(state):
        t, k = state
        return (f(try_step(t)) > value - 0.5 * t * norm2) & (k < max_halvings)

    t, _ = jax.lax.while_loop(too_long, lambda s: (s[0] / 2, s[1] + 1), (1.0, 0))
    return try_step(t)


def quadratic(params):
    x, y = params["x"], params["y"]
    return jnp.sum((x - 1.0) ** 2) + 2.0 * (y + 0.5) ** 2


def minimise(opt, params, steps):
    @jax.jit
    def step(i, state):
        p = opt.get_params(state)
        value, grads = jax.value_and_grad(quadratic)(p)
        return opt.update(i, grads, state), value

    state = opt.init(params)
    for i in range(steps):
        state, value = step(i, state)
    return opt.get_params(state), value


start = {"x": jnp.zeros(3), "y": jnp.array(2.0)}
for name, opt in {
    "momentum": momentum(inverse_time(0.1, 0.01), mass=0.9),
    "adam": adam(0.1),
}.items():
    final, value = minimise(opt, start, 3)
    print(name, value, final["y"])


@jax.jit
def search(params):
    value, grads = jax.value_and_grad(quadratic)(params)
    return backtracking(quadratic, params, grads, value)


print(search(start)["y"])

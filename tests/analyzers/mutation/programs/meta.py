"""Meta-learning of sine waves, an ensemble, and a line search, with transformations nested."""
from functools import partial

import jax
import jax.numpy as jnp
from jax import grad, jit, lax, random, vmap


def init(key, width=8):
    first, second = random.split(key)
    return (
        random.normal(first, (1, width)),
        jnp.zeros(width),
        random.normal(second, (width, 1)) / jnp.sqrt(width),
        jnp.zeros(1),
    )


def network(params, x):
    w1, b1, w2, b2 = params
    return jnp.tanh(x @ w1 + b1) @ w2 + b2


def mse(params, x, y):
    return jnp.mean(jnp.square(network(params, x) - y))


def adapt(params, x, y, rate):
    grads = grad(mse)(params, x, y)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def sample_task(key, amplitude):
    phase_key, x_key = random.split(key)
    phase = random.uniform(phase_key) * jnp.pi
    x = random.uniform(x_key, (5, 1), minval=-2.0, maxval=2.0)
    return x, amplitude * jnp.sin(x + phase)


def task_loss(params, key, first_order):
    train_key, test_key = random.split(key)
    x, y = sample_task(train_key, 1.0)
    adapted = adapt(params, x, y, 0.1)
    if first_order:
        adapted = lax.stop_gradient(adapted)
    x, y = sample_task(test_key, 1.0)
    return mse(adapted, x, y)


@partial(jit, static_argnames=["first_order"])
def meta_step(params, key, rate, first_order):
    keys = random.split(key, 4)

    def batch_loss(params):
        return jnp.mean(vmap(task_loss, in_axes=(None, 0, None))(params, keys, False))

    loss, grads = jax.value_and_grad(batch_loss)(params)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
    clipped = jnp.where(norm > 1.0, 1.0 / norm, 1.0)
    if first_order:
        rate = rate * 0.5
    return jax.tree.map(lambda p, g: p - rate * clipped * g, params, grads), loss


@jit
def line_search(params, direction, x, y):
    base = mse(params, x, y)

    def at(step):
        return mse(jax.tree.map(lambda p, d: p + step * d, params, direction), x, y)

    def worse(state):
        step, tries = state
        return (at(step) > base) & (tries < 5)

    step, tries = lax.while_loop(worse, lambda s: (s[0] * 0.5, s[1] + 1), (1.0, 0))
    jax.debug.print("step {} after {}", step, tries)
    return lax.cond(tries < 5, lambda: step, lambda: 0.0)


@jit
def agree(members, x):
    outputs = vmap(network, in_axes=(0, None))(members, x)
    spread = jnp.std(outputs, axis=0)
    certain = jnp.max(spread) < 0.1
    middle = jnp.median(outputs, axis=0)
    return jnp.where(certain, jnp.mean(outputs, axis=0), middle), spread


def evolve(key, params, steps):
    population = []
    for _ in range(steps):
        key, noise_key = random.split(key)
        noise = random.normal(noise_key, params[1].shape)
        population.append(params[1] + 0.1 * noise)
    key, choice_key = random.split(key)
    chosen = random.randint(choice_key, (), 0, steps)
    return jnp.stack(population)[chosen]


def main():
    init_key, task_key, train_key, member_key, evolve_key = random.split(random.key(0), 5)
    params = init(init_key)
    x, y = sample_task(task_key, 2.0)
    for number in range(2):
        train_key, step_key = random.split(train_key)
        params, loss = meta_step(params, step_key, 0.01, number > 0)
    direction = jax.tree.map(lambda g: -g, grad(mse)(params, x, y))
    print(loss, line_search(params, direction, x, y))
    members = vmap(init)(random.split(member_key, 3))
    print(agree(members, x)[0].shape, evolve(evolve_key, params, 2).shape)


main()

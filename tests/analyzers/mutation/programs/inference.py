"""Metropolis, Hamiltonian and slice samplers written by hand, with their bookkeeping in arrays."""
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def log_density(x):
    return -0.5 * jnp.sum(x**2) - 0.1 * jnp.sum(jnp.abs(x))


def metropolis_step(key, x, scale):
    move_key, accept_key = jax.random.split(key)
    proposal = x + scale * jax.random.normal(move_key, x.shape)
    log_ratio = log_density(proposal) - log_density(x)
    accepted = jnp.log(jax.random.uniform(accept_key)) < log_ratio
    return jnp.where(accepted, proposal, x), accepted


@partial(jax.jit, static_argnames=("count", "adapt"))
def metropolis(key, x, scale, count, adapt=False):
    history = jnp.zeros((count, *x.shape))

    def body(i, carry):
        key, x, scale, history = carry
        key, step_key = jax.random.split(key)
        x, accepted = metropolis_step(step_key, x, scale)
        if adapt:
            scale = scale * jnp.exp(jnp.where(accepted, 0.1, -0.1))
        history = history.at[i].set(x)
        return key, x, scale, history

    _, _, scale, history = lax.fori_loop(0, count, body, (key, x, scale, history))
    return history, scale


def leapfrog(x, momentum, step_size, steps):
    gradient = jax.grad(log_density)

    def body(_, carry):
        x, momentum = carry
        momentum = momentum + 0.5 * step_size * gradient(x)
        x = x + step_size * momentum
        return x, momentum + 0.5 * step_size * gradient(x)

    return lax.fori_loop(0, steps, body, (x, momentum))


@jax.jit
def hamiltonian_step(key, x, step_size):
    momentum_key, accept_key = jax.random.split(key)
    momentum = jax.random.normal(momentum_key, x.shape)
    new_x, new_momentum = leapfrog(x, momentum, step_size, 3)
    before = log_density(x) - 0.5 * jnp.sum(momentum**2)
    after = log_density(new_x) - 0.5 * jnp.sum(new_momentum**2)
    threshold = jnp.log(jax.random.uniform(accept_key))
    jax.debug.print("energy error {}", after - before)
    return lax.cond(threshold < after - before, lambda: (new_x, 1.0), lambda: (x, 0.0))


def hamiltonian(key, x, count):
    accepted = []
    for _ in range(count):
        key, step_key = jax.random.split(key)
        x, took = hamiltonian_step(step_key, x, 0.2)
        accepted.append(took)
    return x, jnp.mean(jnp.stack(accepted))


@jax.jit
def slice_step(key, x, direction, width):
    height_key, place_key, shrink_key = jax.random.split(key, 3)
    height = log_density(x) + jnp.log(jax.random.uniform(height_key))
    left = -width * jax.random.uniform(place_key)

    def outside(state):
        key, left, right, t = state
        return (log_density(x + t * direction) < height) & (right - left > 1e-3)

    def shrink(state):
        key, left, right, t = state
        key, draw_key = jax.random.split(key)
        left = jnp.where(t < 0, t, left)
        right = jnp.where(t < 0, right, t)
        return key, left, right, jax.random.uniform(draw_key, minval=left, maxval=right)

    shrink_key, first_key = jax.random.split(shrink_key)
    first = jax.random.uniform(first_key, minval=left, maxval=left + width)
    _, _, _, t = lax.while_loop(outside, shrink, (shrink_key, left, left + width, first))
    return x + t * direction


def chains(key, count):
    start_key, run_key = jax.random.split(key)
    starts = jax.random.normal(start_key, (count, 2))
    keys = jax.random.split(run_key, count)
    return jax.vmap(lambda k, x: metropolis(k, x, 0.5, 4, True)[0])(keys, starts)


def main():
    key = jax.random.key(11)
    key, first = jax.random.split(key)
    history, scale = metropolis(first, jnp.zeros(2), 0.5, 4, adapt=True)
    key, second = jax.random.split(key)
    x, rate = hamiltonian(second, history[-1], 2)
    third, fourth = jax.random.split(key)
    x = slice_step(third, x, jnp.ones(2), 2.0)
    print(x, rate, scale, chains(fourth, 2).shape)


main()

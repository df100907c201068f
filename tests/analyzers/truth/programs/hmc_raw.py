"""Hamiltonian Monte Carlo written by hand; kernel factory, dual averaging, many chains."""
from collections import namedtuple

import jax
import jax.numpy as jnp
from jax import lax, random

HMCState = namedtuple("HMCState", "position log_prob grad accept_prob step_size log_avg i")
Info = namedtuple("Info", "accepted energy")


def leapfrog(value_and_grad, q, p, g, eps, n):
    def one(_, val):
        q, p, _, g = val
        p = p + 0.5 * eps * g
        q = q + eps * p
        logp, g = value_and_grad(q)
        p = p + 0.5 * eps * g
        return q, p, logp, g

    return lax.fori_loop(0, n, one, (q, p, 0.0, g))


def build_hmc(logdensity, num_leapfrog=4, target=0.8):
    value_and_grad = jax.value_and_grad(logdensity)

    def init(q, eps=0.1):
        logp, g = value_and_grad(q)
        return HMCState(q, logp, g, 1.0, eps, jnp.log(eps), 0)

    def kernel(key, state, adapt=True):
        key_p, key_u = random.split(key)
        p = random.normal(key_p, state.position.shape)
        q_new, p_new, logp_new, g_new = leapfrog(
            value_and_grad, state.position, p, state.grad, state.step_size, num_leapfrog
        )
        energy = 0.5 * jnp.sum(p ** 2) - state.log_prob
        energy_new = 0.5 * jnp.sum(p_new ** 2) - logp_new
        accept_prob = jnp.minimum(1.0, jnp.exp(energy - energy_new))
        accepted = random.uniform(key_u) < accept_prob
        q, logp, g = jax.tree.map(
            lambda new, old: jnp.where(accepted, new, old),
            (q_new, logp_new, g_new),
            (state.position, state.log_prob, state.grad),
        )
        if adapt:
            rate = 1.0 / (state.i + 10.0)
            log_eps = jnp.log(state.step_size) + rate * (accept_prob - target)
            log_avg = 0.9 * state.log_avg + 0.1 * log_eps
        else:
            log_eps, log_avg = state.log_avg, state.log_avg
        new_state = HMCState(q, logp, g, accept_prob, jnp.exp(log_eps), log_avg, state.i + 1)
        return new_state, Info(accepted, energy)

    return init, kernel


def run_chain(key, kernel, state, num_warmup, num_samples):
    warm_key, sample_key = random.split(key)

    def warm(state, key):
        state, info = kernel(key, state)
        return state, info.accepted

    def draw(state, key):
        state, info = kernel(key, state, adapt=False)
        return state, (state.position, info)

    state, accepted = lax.scan(warm, state, random.split(warm_key, num_warmup))
    state, (samples, infos) = lax.scan(draw, state, random.split(sample_key, num_samples))
    return samples, accepted.mean(), infos


def banana(x):
    return -0.5 * (x[0] ** 2 / 4.0 + (x[1] - 0.5 * x[0] ** 2) ** 2)


init, kernel = build_hmc(banana)
keys = random.split(random.key(0), 3)
starts = random.normal(random.key(1), (3, 2))


@jax.jit
@jax.vmap
def sample_many(key, start):
    return run_chain(key, kernel, init(start), 5, 10)


samples, warm_rate, infos = sample_many(keys, starts)
print(samples.shape, warm_rate, infos.accepted.mean())

"""A particle filter with resampling, and an annealed sampler; vmapped keys and nested scans."""
import jax
import jax.numpy as jnp
from jax import random
from jax.scipy.stats import norm


def systematic_resample(key, weights):
    n = weights.shape[0]
    u = (jnp.arange(n) + random.uniform(key)) / n
    return jnp.searchsorted(jnp.cumsum(weights), u).clip(0, n - 1)


def transition(key, particle):
    return 0.9 * particle + random.normal(key)


def particle_filter(key, observations, n_particles: int):
    init_key, scan_key = random.split(key)
    particles = random.normal(init_key, (n_particles,))

    def step(carry, inputs):
        particles, log_z = carry
        key, y = inputs
        move_key, resample_key = random.split(key)
        particles = jax.vmap(transition)(random.split(move_key, n_particles), particles)
        log_w = norm.logpdf(y, particles, 0.5)
        shift = jax.scipy.special.logsumexp(log_w)
        weights = jnp.exp(log_w - shift)
        ess = 1.0 / jnp.sum(weights ** 2)
        ancestors = jax.lax.cond(
            ess < n_particles / 2,
            lambda k: systematic_resample(k, weights),
            lambda k: jnp.arange(n_particles),
            resample_key,
        )
        particles = particles[ancestors]
        log_z = log_z + shift - jnp.log(n_particles)
        return (particles, log_z), (particles.mean(), ess)

    keys = random.split(scan_key, observations.shape[0])
    (_, log_z), (means, ess) = jax.lax.scan(step, (particles, 0.0), (keys, observations))
    return log_z, means, ess


def log_target(x, temperature):
    bimodal = jnp.logaddexp(norm.logpdf(x, -3.0, 0.5), norm.logpdf(x, 3.0, 0.5))
    base = norm.logpdf(x, 0.0, 3.0)
    return (1 - temperature) * base + temperature * bimodal


def metropolis(key, x, temperature, scale=1.0):
    propose_key, accept_key = random.split(key)
    proposal = x + scale * random.normal(propose_key)
    log_ratio = log_target(proposal, temperature) - log_target(x, temperature)
    accept = jnp.log(random.uniform(accept_key)) < log_ratio
    return jnp.where(accept, proposal, x)


def annealed(key, n_steps):
    key, start_key = random.split(key)
    x = 3.0 * random.normal(start_key)
    temperatures = jnp.linspace(0.0, 1.0, n_steps)

    def body(carry, temperature):
        x, key, log_w, previous = carry
        key, sub = random.split(key)
        log_w = log_w + log_target(x, temperature) - log_target(x, previous)
        x = metropolis(sub, x, temperature)
        return (x, key, log_w, temperature), None

    (x, _, log_w, _), _ = jax.lax.scan(body, (x, key, 0.0, 0.0), temperatures)
    return x, log_w


root = random.key(2024)
obs_key, pf_key, ais_key = random.split(root, 3)
observations = jnp.cumsum(random.normal(obs_key, (6,)))
run = jax.jit(particle_filter, static_argnums=2)
log_z, means, ess = run(pf_key, observations, 16)
print(log_z, means[-1], ess.min())
xs, log_ws = jax.jit(jax.vmap(annealed, in_axes=(0, None)), static_argnums=1)(random.split(ais_key, 8), 5)
print(xs.std(), jax.scipy.special.logsumexp(log_ws))

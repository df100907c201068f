"""A particle filter for a noisy oscillator: resampling, log weights and an effective sample size."""
import jax
import jax.numpy as jnp
from jax import lax, random

STEPS = 6
PARTICLES = 32


def transition(key, state):
    position, velocity = state[..., 0], state[..., 1]
    drift = jnp.stack([position + 0.1 * velocity, velocity - 0.1 * jnp.sin(position)], axis=-1)
    return drift + 0.05 * random.normal(key, state.shape)


def log_likelihood(state, measured):
    return -0.5 * jnp.square((measured - state[..., 0]) / 0.2)


def simulate(key):
    start_key, path_key, noise_key = random.split(key, 3)
    start = random.normal(start_key, (2,))

    def step(state, step_key):
        state = transition(step_key, state)
        return state, state

    _, path = lax.scan(step, start, random.split(path_key, STEPS))
    measured = path[:, 0] + 0.2 * random.normal(noise_key, (STEPS,))
    return path, measured


def systematic(key, log_weights):
    weights = jnp.exp(log_weights - jax.nn.logsumexp(log_weights))
    cumulative = jnp.cumsum(weights)
    offset = random.uniform(key)
    points = (jnp.arange(PARTICLES) + offset) / PARTICLES
    return jnp.searchsorted(cumulative, points).clip(0, PARTICLES - 1)


def effective_size(log_weights):
    shifted = log_weights - jax.nn.logsumexp(log_weights)
    return jnp.exp(-jax.nn.logsumexp(2.0 * shifted))


@jax.jit
def assimilate(key, particles, log_weights, measured):
    move_key, resample_key = random.split(key)
    particles = transition(move_key, particles)
    log_weights = log_weights + log_likelihood(particles, measured)
    size = effective_size(log_weights)
    jax.debug.print("effective size {}", size)

    def resample(operands):
        particles, log_weights = operands
        chosen = systematic(resample_key, log_weights)
        return particles[chosen], jnp.zeros_like(log_weights)

    def keep(operands):
        return operands

    particles, log_weights = lax.cond(
        size < PARTICLES / 2, resample, keep, (particles, log_weights)
    )
    return particles, log_weights, size


def filter_path(key, measurements):
    key, start_key = random.split(key)
    particles = random.normal(start_key, (PARTICLES, 2))
    log_weights = jnp.zeros(PARTICLES)
    sizes = []
    for measured in measurements:
        key, step_key = random.split(key)
        particles, log_weights, size = assimilate(step_key, particles, log_weights, measured)
        sizes.append(float(size))
    return particles, sizes


@jax.jit
def summary(particles, log_weights):
    weights = jax.nn.softmax(log_weights)
    mean = jnp.einsum("p,pd->d", weights, particles)
    centred = particles - mean
    spread = jnp.sqrt(jnp.sum(weights[:, None] * centred**2, axis=0))
    largest = jnp.max(weights)
    jax.debug.print("largest weight {w}", w=largest)
    degenerate = largest > 0.5
    return jnp.where(degenerate, jnp.zeros_like(mean), mean), spread


def main():
    data_key, filter_key = random.split(random.key(3))
    _, measured = simulate(data_key)
    particles, sizes = filter_path(filter_key, measured)
    mean, spread = summary(particles, jnp.zeros(PARTICLES))
    print(mean, spread, sizes)


main()

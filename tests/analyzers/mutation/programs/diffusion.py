"""A diffusion model on points in the plane, without a neural network library."""
from functools import partial

import jax
import jax.numpy as jnp
import optax

LEVELS = 8
HIDDEN = 16


def dense(key, rows, columns):
    return {
        "w": jax.random.normal(key, (rows, columns)) / jnp.sqrt(rows),
        "b": jnp.zeros(columns),
    }


def init(key):
    first, second, third = jax.random.split(key, 3)
    return [dense(first, 3, HIDDEN), dense(second, HIDDEN, HIDDEN), dense(third, HIDDEN, 2)]


def predict(params, x, time):
    time = jnp.broadcast_to(time, (*x.shape[:-1], 1))
    hidden = jnp.concatenate([x, time], axis=-1)
    for layer in params[:-1]:
        hidden = jnp.tanh(hidden @ layer["w"] + layer["b"])
    return hidden @ params[-1]["w"] + params[-1]["b"]


def schedule():
    beta = jnp.linspace(1e-3, 0.2, LEVELS)
    return beta, jnp.cumprod(1.0 - beta)


def loss_fn(params, key, x):
    level_key, noise_key = jax.random.split(key)
    _, kept = schedule()
    level = jax.random.randint(level_key, (x.shape[0], 1), 0, LEVELS)
    noise = jax.random.normal(noise_key, x.shape)
    alpha = kept[level]
    noisy = jnp.sqrt(alpha) * x + jnp.sqrt(1.0 - alpha) * noise
    return jnp.mean(jnp.square(predict(params, noisy, level / LEVELS) - noise))


optimizer = optax.adam(1e-2)


@partial(jax.jit, static_argnames="verbose")
def step(params, opt_state, key, x, verbose):
    loss, grads = jax.value_and_grad(loss_fn)(params, key, x)
    norm = optax.global_norm(grads)
    if verbose:
        jax.debug.print("loss {} norm {}", loss, norm)
    scale = jnp.where(norm > 1.0, 1.0 / norm, 1.0)
    grads = jax.tree.map(lambda g: g * scale, grads)
    updates, opt_state = optimizer.update(grads, opt_state)
    return optax.apply_updates(params, updates), opt_state, loss


@partial(jax.jit, static_argnums=(2, 3))
def sample(params, key, count, noisy):
    beta, kept = schedule()
    start_key, walk_key = jax.random.split(key)
    x = jax.random.normal(start_key, (count, 2))

    def denoise(carry, level):
        x, key = carry
        key, noise_key = jax.random.split(key)
        guess = predict(params, x, level / LEVELS)
        mean = (x - beta[level] / jnp.sqrt(1.0 - kept[level]) * guess) / jnp.sqrt(1.0 - beta[level])
        if noisy:
            noise = jax.random.normal(noise_key, x.shape)
            mean = mean + jnp.where(level > 0, jnp.sqrt(beta[level]), 0.0) * noise
        return (mean, key), None

    (x, _), _ = jax.lax.scan(denoise, (x, walk_key), jnp.arange(LEVELS)[::-1])
    return x


def data(key, count):
    angle_key, radius_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, (count,)) * 2 * jnp.pi
    radius = 1.0 + 0.05 * jax.random.normal(radius_key, (count,))
    return jnp.stack([radius * jnp.cos(angle), radius * jnp.sin(angle)], axis=-1)


def main():
    data_key, init_key, train_key, sample_key = jax.random.split(jax.random.key(0), 4)
    x = data(data_key, 16)
    params = init(init_key)
    opt_state = optimizer.init(params)
    for number in range(3):
        train_key, step_key = jax.random.split(train_key)
        params, opt_state, loss = step(params, opt_state, step_key, x, number == 2)
    print(loss, sample(params, sample_key, 4, True).shape)


main()

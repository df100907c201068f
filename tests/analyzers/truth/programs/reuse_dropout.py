"""Key reuse: one dropout key for every layer, and one noise key for two arrays."""
import jax
import jax.numpy as jnp


def dropout(key, x, rate=0.5):
    keep = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(keep, x / (1 - rate), 0.0)


def network(params, key, x):
    h = jnp.tanh(x @ params["first"])
    h = dropout(key, h)
    h = jnp.tanh(h @ params["second"])
    h = dropout(key, h)  # mistake
    return h.sum()


def noisy(key, x, y):
    x = x + jax.random.normal(key, x.shape)
    y = y + jax.random.normal(key, y.shape)  # mistake
    return x, y


def clean(key, x):
    a, b = jax.random.split(key)
    return x + jax.random.normal(a, x.shape) * jax.random.uniform(b, x.shape)


root = jax.random.key(0)
first_key, second_key, apply_key, noise_key, clean_key = jax.random.split(root, 5)
params = {
    "first": jax.random.normal(first_key, (3, 4)),
    "second": jax.random.normal(second_key, (4, 4)),
}
x = jnp.ones((2, 3))
print(network(params, apply_key, x))
print(noisy(noise_key, x, x))
print(jax.jit(clean)(clean_key, x))
